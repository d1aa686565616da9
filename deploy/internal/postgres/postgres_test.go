package postgres_test

import (
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/millwright-io/millwright/deploy/internal/postgres"
	"github.com/millwright-io/millwright/deploy/internal/supervise"
)

func install(t *testing.T) postgres.Installation {
	t.Helper()
	found, err := postgres.Find(t.Context(), "", "../../tools")
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// reachable is a directory that an account without privileges can get to.
func reachable(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "millwright-postgres-") //nolint:usetesting // the folder above a test's own is closed to others
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func config(t *testing.T, dir string) postgres.Config {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return postgres.Config{
		DataDir: filepath.Join(dir, "postgres"), Port: listener.Addr().(*net.TCPAddr).Port, Password: "pa'ss\\word",
		LogPath: filepath.Join(dir, "postgres.log"),
	}
}

func start(t *testing.T, server *postgres.Server) *supervise.Child {
	t.Helper()
	child := supervise.New(server.Spec(), slog.New(slog.DiscardHandler), time.Now)
	t.Cleanup(child.Stop)
	if err := child.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return child
}

func TestAServerIsMadeKilledAndRecovered(t *testing.T) {
	t.Parallel()
	dir := reachable(t)
	cfg := config(t, dir)
	server, err := postgres.New(cfg, install(t), slog.New(slog.DiscardHandler), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	if made, err := server.Init(t.Context()); err != nil || !made {
		t.Fatalf("made %v, error %v", made, err)
	}
	child := start(t, server)
	db := postgres.Database{Name: "millwright", Role: "millwright", Password: "se'cret%s"}
	for range 2 { // the second time changes nothing
		if err := server.Ensure(t.Context(), db); err != nil {
			t.Fatal(err)
		}
	}
	execute(t, server.URLWithPassword(db), "create table kept (n int)")
	pid := child.Status().Pid
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { s := child.Status(); return s.State == supervise.StateReady && s.Pid != pid })
	execute(t, server.URLWithPassword(db), "insert into kept values (1)")
	child.Stop()

	if made, err := server.Init(t.Context()); err != nil || made {
		t.Fatalf("a directory that exists was made again: %v, %v", made, err)
	}
	// After a restart of the machine the number may belong to anything; here to this test.
	stale := strconv.Itoa(os.Getpid()) + "\n" + cfg.DataDir + "\n1\n" + strconv.Itoa(cfg.Port) + "\n"
	if err := os.WriteFile(filepath.Join(cfg.DataDir, "postmaster.pid"), []byte(stale), 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, server)
	execute(t, server.URLWithPassword(db), "insert into kept values (2)")
}

func execute(t *testing.T, url, statement string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for !ok() {
		select {
		case <-deadline:
			t.Fatal("it did not come back")
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func TestADirectoryOfAnotherVersionIsRefused(t *testing.T) {
	t.Parallel()
	dir := reachable(t)
	cfg := config(t, dir)
	if err := os.Mkdir(cfg.DataDir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(cfg.DataDir, "PG_VERSION"), []byte("9\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := postgres.New(cfg, install(t), slog.New(slog.DiscardHandler), time.Now)
	if err == nil || !strings.Contains(err.Error(), "was made by Postgres 9") || !strings.Contains(err.Error(), "--postgres-bin") {
		t.Fatalf("got %v", err)
	}
}

func TestAClosedDirectoryIsExplainedToRoot(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Log("only root gives up privileges; nothing to check as another user")
		return
	}
	dir := reachable(t)
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := postgres.New(config(t, dir), install(t), slog.New(slog.DiscardHandler), time.Now)
	if err == nil || !strings.Contains(err.Error(), "closed") || !strings.Contains(err.Error(), "--data") {
		t.Fatalf("got %v", err)
	}
}

func TestMissingBinariesAreExplained(t *testing.T) {
	t.Parallel()
	_, err := postgres.Find(t.Context(), t.TempDir(), "")
	if err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Fatalf("got %v", err)
	}
}
