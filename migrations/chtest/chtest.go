// Package chtest gives tests a ClickHouse: the server that MILLWRIGHT_TEST_CLICKHOUSE_URL names
// (http://user:password@host:port), else the embedded endpoint, built from this checkout and started once for all tests
// that run at the same time. Only tests import it.
package chtest

import (
	"bufio"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// environment names a running server to use instead.
const environment = "MILLWRIGHT_TEST_CLICKHOUSE_URL"

// Server is a ClickHouse with a user who may do everything.
type Server struct {
	// URL of the HTTP interface, without user and path.
	URL      string
	User     string
	Password string
}

// New returns a running server. Without one the test is skipped, or fails under CI=true.
func New(t testing.TB) *Server {
	t.Helper()
	s, err := acquire()
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("no clickhouse for the test: %v", err)
		}
		t.Skipf("no clickhouse for the test: %v", err)
	}
	t.Cleanup(release)
	return s
}

// Conn opens a connection as the user who may do everything; it closes with the test.
func (s *Server) Conn(t testing.TB) driver.Conn {
	t.Helper()
	conn, err := clickhouse.Open(&clickhouse.Options{
		Protocol: clickhouse.HTTP, Addr: []string{strings.TrimPrefix(s.URL, "http://")},
		Auth: clickhouse.Auth{Username: s.User, Password: s.Password, Database: "default"},
	})
	if err != nil {
		t.Fatalf("open clickhouse: %v", err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// Database returns a name of its own that begins with prefix; the database is dropped with the test.
func (s *Server) Database(t testing.TB, prefix string) string {
	t.Helper()
	name := prefix + strings.ToLower(rand.Text())[:12]
	conn := s.Conn(t)
	t.Cleanup(func() {
		if err := conn.Exec(context.Background(), "drop database if exists "+name); err != nil {
			t.Errorf("drop database %s: %v", name, err)
		}
	})
	return name
}

// shared is the process that concurrent tests use; the last one stops it.
var shared struct {
	sync.Mutex
	users  int
	server *Server
	stop   func()
}

func acquire() (*Server, error) {
	shared.Lock()
	defer shared.Unlock()
	if shared.server == nil {
		server, stop, err := open()
		if err != nil {
			return nil, err
		}
		shared.server, shared.stop = server, stop
	}
	shared.users++
	return shared.server, nil
}

func release() {
	shared.Lock()
	defer shared.Unlock()
	shared.users--
	if shared.users == 0 {
		shared.stop()
		shared.server, shared.stop = nil, nil
	}
}

func open() (*Server, func(), error) {
	named := os.Getenv(environment)
	if named == "" {
		return start()
	}
	u, err := url.Parse(named)
	if err != nil || u.Host == "" || u.User == nil {
		return nil, nil, fmt.Errorf("%s: want http://user:password@host:port", environment)
	}
	password, _ := u.User.Password()
	return &Server{URL: u.Scheme + "://" + u.Host, User: u.User.Username(), Password: password}, func() {}, nil
}

// start builds and runs the embedded endpoint on a port and in a directory of its own.
func start() (*Server, func(), error) {
	root, err := checkout()
	if err != nil {
		return nil, nil, err
	}
	dir, err := os.MkdirTemp("", "clickhouse-")
	if err != nil {
		return nil, nil, fmt.Errorf("make a data directory: %w", err)
	}
	binary := filepath.Join(dir, "endpoint")
	build := exec.Command("go", "build", "-o", binary, "./deploy/internal/warehouse/cmd")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		return nil, nil, fmt.Errorf("build the endpoint: %w: %s", err, out)
	}
	cmd := exec.Command(binary, "--data", filepath.Join(dir, "data"), "--address", "127.0.0.1:0")
	cmd.Dir = root
	cmd.SysProcAttr = dieWithParent()
	var log strings.Builder
	cmd.Stderr = &log
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, fmt.Errorf("start the endpoint: %w", err)
	}
	exited, err := run(cmd)
	if err != nil {
		return nil, nil, err
	}
	stop := func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		<-exited
		_ = os.RemoveAll(dir)
	}
	address, err := firstLine(stdout)
	if err != nil {
		stop()
		return nil, nil, fmt.Errorf("the endpoint did not listen: %w: %s", err, log.String())
	}
	password, err := os.ReadFile(filepath.Join(dir, "data", "admin.password"))
	if err != nil {
		stop()
		return nil, nil, fmt.Errorf("read the endpoint's password: %w", err)
	}
	line, _, _ := strings.Cut(string(password), "\n")
	return &Server{URL: "http://" + address, User: "default", Password: line}, stop, nil
}

// run starts cmd from a thread that stays: a child that dies with its parent dies with the thread that made it.
func run(cmd *exec.Cmd) (exited chan struct{}, err error) {
	started, exited := make(chan error), make(chan struct{})
	go func() {
		runtime.LockOSThread()
		defer close(exited)
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start the endpoint: %w", err)
	}
	return exited, nil
}

func firstLine(r io.Reader) (string, error) {
	lines := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(r).ReadString('\n')
		lines <- strings.TrimSpace(line)
		_, _ = io.Copy(io.Discard, r)
	}()
	select {
	case line := <-lines:
		if line == "" {
			return "", io.ErrUnexpectedEOF
		}
		return line, nil
	case <-time.After(60 * time.Second):
		return "", os.ErrDeadlineExceeded
	}
}

// checkout is the directory at or above this one that holds go.work.
func checkout() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the checkout: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", fmt.Errorf("no go.work at or above the working directory: set %s", environment)
		}
		dir = parent
	}
}
