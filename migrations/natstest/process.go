package natstest

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
)

// Process is a NATS server in a process of its own, for tests that kill it or let it stand still.
type Process struct {
	// URL stays the same over Kill and Restart.
	URL string

	dir  string
	port int
	cmd  *exec.Cmd
	// life is open as long as the server is to run.
	life io.Closer
}

// What a process is told by its environment to become a server.
const (
	directoryVariable = "MILLWRIGHT_NATSTEST_DIRECTORY"
	portVariable      = "MILLWRIGHT_NATSTEST_PORT"
)

// Main becomes the server if NewProcess started this process for that; then it does not return. TestMain calls it first.
func Main() {
	dir := os.Getenv(directoryVariable)
	if dir == "" {
		return
	}
	port, err := strconv.Atoi(os.Getenv(portVariable))
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", portVariable, err)
		os.Exit(2)
	}
	ns, err := server.NewServer(options(server.Options{}, dir, port))
	if err != nil {
		fmt.Fprintf(os.Stderr, "start nats: %v\n", err)
		os.Exit(1)
	}
	ns.Start()
	// The pipe ends with the test program, however that one ends.
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(0)
}

// NewProcess starts this test program again as a server, with its streams in a directory of the test. It is killed when the test ends.
func NewProcess(t testing.TB) *Process {
	t.Helper()
	p := &Process{dir: t.TempDir(), port: freePort(t)}
	p.URL = fmt.Sprintf("nats://127.0.0.1:%d", p.port)
	p.Restart(t)
	t.Cleanup(p.Kill)
	return p
}

// Restart runs the server again after Kill. Clients may have to try until it listens.
func (p *Process) Restart(t testing.TB) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p.cmd = exec.Command(self)
	p.cmd.Env = append(os.Environ(), directoryVariable+"="+p.dir, portVariable+"="+strconv.Itoa(p.port))
	p.cmd.Stderr = os.Stderr
	if p.life, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("start a process for nats: %v", err)
	}
}

// Kill ends the server with SIGKILL and waits until it is gone.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

// Freeze lets the server stand still, Thaw lets it go on.
func (p *Process) Freeze() error { return p.cmd.Process.Signal(syscall.SIGSTOP) }

// Thaw lets the server go on.
func (p *Process) Thaw() error { return p.cmd.Process.Signal(syscall.SIGCONT) }
