package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/millwright-io/millwright/deploy/internal/supervise"
)

// Config says where the server keeps its data and how it is reached.
type Config struct {
	// DataDir is the server's own directory; it is made on the first start.
	DataDir string
	// Port is the loopback port.
	Port int
	// Password is the superuser's, made by the caller before the first start and kept.
	Password string
	// LogPath takes the server's output.
	LogPath string
}

// Server is a private Postgres server.
type Server struct {
	cfg     Config
	install Installation
	who     *syscall.Credential
	log     *slog.Logger
	now     func() time.Time
}

// New checks that the data directory can be used with the binaries. It starts nothing.
func New(cfg Config, install Installation, log *slog.Logger, now func() time.Time) (*Server, error) {
	who, err := account()
	if err != nil {
		return nil, err
	}
	if err := checkReach(cfg.DataDir, who); err != nil {
		return nil, err
	}
	if err := checkBinaries(install.Dir, who); err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, install: install, who: who, log: log, now: now}
	return s, s.checkVersion()
}

// checkVersion compares the version that made the data directory with the binaries'.
func (s *Server) checkVersion() error {
	text, err := os.ReadFile(filepath.Join(s.cfg.DataDir, "PG_VERSION"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the version of %s: %w", s.cfg.DataDir, err)
	}
	major, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return fmt.Errorf("%s/PG_VERSION says %q, which is no version: restore the directory from a backup", s.cfg.DataDir, text)
	}
	if major != s.install.Major {
		return fmt.Errorf("data directory %s was made by Postgres %d, but the binaries in %s are version %s: name a directory with version %d by --postgres-bin, or move the data with pg_dump and pg_restore",
			s.cfg.DataDir, major, s.install.Dir, s.install.Version, major)
	}
	return nil
}

// Init makes the data directory unless it exists, and reports whether it did. A directory whose making was interrupted is
// made anew.
func (s *Server) Init(ctx context.Context) (made bool, err error) {
	if _, err := os.Stat(filepath.Join(s.cfg.DataDir, "PG_VERSION")); err == nil {
		return false, nil
	}
	fresh := s.cfg.DataDir + ".new"
	if err := errors.Join(os.RemoveAll(fresh), os.Mkdir(fresh, 0o700)); err != nil {
		return false, fmt.Errorf("make %s: %w", fresh, err)
	}
	if s.who != nil {
		if err := os.Chown(fresh, int(s.who.Uid), int(s.who.Gid)); err != nil {
			return false, fmt.Errorf("give %s to the account of postgres: %w", fresh, err)
		}
	}
	password, err := s.passwordFile()
	if err != nil {
		return false, err
	}
	defer func() { _ = os.Remove(password) }()
	cmd := exec.CommandContext(ctx, filepath.Join(s.install.Dir, "initdb"), "-D", fresh, "-U", "postgres",
		"-A", "scram-sha-256", "--pwfile="+password, "-E", "UTF8", "--locale=C")
	cmd.Env, cmd.Dir = environment(), "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.who, Setpgid: true}
	if out, err := cmd.CombinedOutput(); err != nil {
		return false, fmt.Errorf("initdb in %s: %w: %s", fresh, err, lastLine(out))
	}
	if err := os.Rename(fresh, s.cfg.DataDir); err != nil {
		return false, fmt.Errorf("put the new data directory in place: %w", err)
	}
	return true, nil
}

// passwordFile writes the superuser's password to a file that only the server's account can read; initdb takes it no
// other way.
func (s *Server) passwordFile() (string, error) {
	path := s.cfg.DataDir + ".password"
	if err := os.WriteFile(path, []byte(s.cfg.Password+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("hand initdb the password: %w", err)
	}
	if s.who != nil {
		if err := os.Chown(path, int(s.who.Uid), int(s.who.Gid)); err != nil {
			return "", errors.Join(fmt.Errorf("hand initdb the password: %w", err), os.Remove(path))
		}
	}
	return path, nil
}

// environment is all that the binaries are told.
func environment() []string { return []string{"LC_ALL=C", "PATH=/usr/bin:/bin"} }

func lastLine(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return lines[len(lines)-1]
}

// Spec is the server as a child to supervise. Its settings are for a small machine; durability is left on.
func (s *Server) Spec() supervise.Spec {
	args := []string{"-D", s.cfg.DataDir}
	for _, setting := range []string{
		"listen_addresses=127.0.0.1", "port=" + strconv.Itoa(s.cfg.Port), "unix_socket_directories=",
		"shared_buffers=64MB", "max_connections=60", "max_wal_size=256MB",
		"fsync=on", "synchronous_commit=on", "log_timezone=UTC", "timezone=UTC", "logging_collector=off",
	} {
		args = append(args, "-c", setting)
	}
	return supervise.Spec{
		Name: "postgres", Path: filepath.Join(s.install.Dir, "postgres"), Args: args, Env: environment(), Dir: "/",
		Credential: s.who, Ready: s.ready, ReadyWithin: time.Minute, BeforeStart: s.clear, LogPath: s.cfg.LogPath,
		// SIGINT is Postgres' fast shutdown: it breaks off sessions and writes a checkpoint.
		StopSignal: syscall.SIGINT, DeathSignal: syscall.SIGINT, Grace: 20 * time.Second, Notable: notable,
	}
}

func notable(line string) bool {
	return strings.Contains(line, "FATAL:") && !strings.Contains(line, "the database system is starting up") &&
		!strings.Contains(line, "terminating connection due to administrator command") || strings.Contains(line, "PANIC:")
}

// Address is the server's host and port.
func (s *Server) Address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.cfg.Port)) }
