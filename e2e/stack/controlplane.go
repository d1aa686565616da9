package stack

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// ControlPlane is one more process of the control plane that `up` runs: it works on the same database and the same cells.
type ControlPlane struct {
	// URL is where it serves.
	URL string

	metrics string
	args    []string
	env     []string
	cmd     *exec.Cmd
	exited  chan struct{}
	output  *lockedBuffer
}

// alone are the flags that no two processes of the control plane may share.
var alone = regexp.MustCompile(`^--(address|metrics-address|est-address|est-url|gateway-certificate-dir)=`)

// StartControlPlane starts one more process of the control plane with the flags of the one that `up` started, at addresses of its own. Further flags
// come last. The test's end ends it.
func (s *Stack) StartControlPlane(t testing.TB, env []string, flags ...string) *ControlPlane {
	t.Helper()
	running := s.matching("millwright controlplane ")
	if len(running) == 0 {
		t.Fatal("there is no control plane to start another process of")
	}
	port := freePorts(t, 2)
	c := &ControlPlane{URL: fmt.Sprintf("http://127.0.0.1:%d", port), metrics: fmt.Sprintf("http://127.0.0.1:%d", port+1), env: env, args: []string{"controlplane"}}
	for _, arg := range strings.Fields(running[0].Command)[2:] {
		if !alone.MatchString(arg) {
			c.args = append(c.args, arg)
		}
	}
	c.args = append(c.args, fmt.Sprintf("--address=127.0.0.1:%d", port), fmt.Sprintf("--metrics-address=127.0.0.1:%d", port+1))
	c.args = append(c.args, flags...)
	c.Launch(t)
	t.Cleanup(func() {
		_ = c.cmd.Process.Kill()
		<-c.exited
		if t.Failed() {
			t.Logf("output of the second control plane:\n%s", tail(c.output.String(), 40))
		}
	})
	return c
}

// Launch starts the process, again after it ended, and waits until it serves, or has ended.
func (c *ControlPlane) Launch(t testing.TB) {
	t.Helper()
	exited, output := make(chan struct{}), &lockedBuffer{}
	cmd := exec.Command(Binary(t), c.args...)
	cmd.Env = append([]string{"PATH=/usr/bin:/bin", "TZ=UTC"}, c.env...)
	cmd.Stdout, cmd.Stderr = output, output
	if err := cmd.Start(); err != nil {
		t.Fatalf("start a control plane: %v", err)
	}
	go func() {
		_ = cmd.Wait()
		close(exited)
	}()
	c.cmd, c.exited, c.output = cmd, exited, output
	Eventually(t, 30*time.Second, "the second control plane serves", func() error {
		if c.Killed() {
			return nil
		}
		select {
		case <-exited:
			t.Fatalf("it ended:\n%s", tail(output.String(), 20))
		default:
		}
		res, err := http.Get(c.metrics + "/readyz")
		if err != nil {
			return err
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusOK {
			return errors.New(res.Status)
		}
		return nil
	})
}

// Killed reports whether the process ended by SIGKILL.
func (c *ControlPlane) Killed() bool {
	select {
	case <-c.exited:
		status, ok := c.cmd.ProcessState.Sys().(syscall.WaitStatus)
		return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
	default:
		return false
	}
}

// Output is what the process has written.
func (c *ControlPlane) Output() string { return c.output.String() }

// Program builds a command of this checkout that is no part of the product, and returns where it is.
func Program(t testing.TB, pkg string) string {
	t.Helper()
	path := TempDir(t) + "/program"
	cmd := exec.Command("go", "build", "-o", path, pkg)
	cmd.Dir, cmd.Env = Root(), append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", pkg, err, out)
	}
	return path
}
