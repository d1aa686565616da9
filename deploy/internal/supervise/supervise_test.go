package supervise_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/millwright-io/millwright/deploy/internal/supervise"
)

const helperVariable = "SUPERVISE_HELPER"

// TestMain lets the test binary play the child, or a parent that is killed.
func TestMain(m *testing.M) {
	switch os.Getenv(helperVariable) {
	case "":
		os.Exit(m.Run())
	case "parent":
		parent()
	default:
		child(os.Getenv(helperVariable))
	}
}

// child acts out a script of words.
func child(script string) {
	for word := range strings.FieldsSeq(script) {
		verb, value, _ := strings.Cut(word, "=")
		switch verb {
		case "say":
			fmt.Println(value)
		case "touch":
			_ = os.WriteFile(value, []byte(strconv.Itoa(os.Getpid())), 0o600)
		case "append":
			file, _ := os.OpenFile(value, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
			fmt.Fprintln(file, os.Getpid())
			file.Close()
		case "exit":
			code, _ := strconv.Atoi(value)
			os.Exit(code)
		case "ignore-term":
			signal.Ignore(syscall.SIGTERM)
		case "flood":
			for range 1000 {
				fmt.Println(strings.Repeat("x", 99))
			}
		case "wait":
			<-time.After(time.Hour)
		}
	}
}

// parent supervises a child and waits to be killed.
func parent() {
	c := supervise.New(spec("orphan", "touch="+os.Getenv("PID_FILE")+" wait"), slog.New(slog.DiscardHandler), time.Now)
	if err := c.Start(context.Background()); err != nil {
		os.Exit(1)
	}
	<-time.After(time.Hour)
}

func spec(name, script string) supervise.Spec {
	self, _ := os.Executable()
	return supervise.Spec{
		Name: name, Path: self, Env: []string{helperVariable + "=" + script}, Backoff: 10 * time.Millisecond,
		Grace: 5 * time.Second, ReadyWithin: 20 * time.Second,
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *lockedBuffer) text() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.String()
}

func start(t *testing.T, s supervise.Spec) (*supervise.Child, *lockedBuffer) {
	t.Helper()
	log := &lockedBuffer{}
	c := supervise.New(s, slog.New(slog.NewTextHandler(log, nil)), time.Now)
	t.Cleanup(c.Stop)
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return c, log
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	for !ok() {
		select {
		case <-deadline.C:
			t.Fatalf("never: %s", what)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func exists(path string) func(context.Context) error {
	return func(context.Context) error {
		_, err := os.Stat(path)
		return err
	}
}

func alive(pid int) bool { return syscall.Kill(pid, 0) == nil }

func TestAChildThatEndsIsRestarted(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "starts")
	s := spec("worker", "append="+file+" wait")
	s.Ready = exists(file)
	c, log := start(t, s)
	first := c.Status().Pid
	if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a second process is ready", func() bool {
		now := c.Status()
		return now.State == supervise.StateReady && now.Pid != first && now.Restarts == 1
	})
	if text := log.text(); !strings.Contains(text, "ended by itself, restarting") || !strings.Contains(text, "signal: killed") {
		t.Fatalf("the log does not tell: %s", text)
	}
	pid := c.Status().Pid
	c.Stop()
	if alive(pid) {
		t.Fatal("the process outlived Stop")
	}
	if got := c.Status().State; got != supervise.StateStopped {
		t.Fatalf("state %s after Stop", got)
	}
}

func TestThePauseBetweenRestartsGrows(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "starts")
	s := spec("worker", "append="+file+" exit=3")
	s.Backoff = 50 * time.Millisecond
	begun := time.Now()
	c, _ := start(t, s) // no Ready: ready at once
	eventually(t, "four starts", func() bool {
		text, _ := os.ReadFile(file)
		return strings.Count(string(text), "\n") >= 4
	})
	if took := time.Since(begun); took < 350*time.Millisecond { // 50 + 100 + 200
		t.Fatalf("four starts within %s: the pause does not grow", took)
	}
	c.Stop()
}

func TestAChildThatEndsBeforeItIsReadyIsQuoted(t *testing.T) {
	t.Parallel()
	s := spec("worker", "say=disk_on_fire exit=3")
	s.Ready = func(context.Context) error { return errors.New("not yet") }
	s.LogPath = filepath.Join(t.TempDir(), "worker.log")
	c := supervise.New(s, slog.New(slog.DiscardHandler), time.Now)
	err := c.Start(t.Context())
	if err == nil || !strings.Contains(err.Error(), "disk_on_fire") || !strings.Contains(err.Error(), "exit status 3") {
		t.Fatalf("got %v", err)
	}
	<-c.Done()
	if text, _ := os.ReadFile(s.LogPath); string(text) != "disk_on_fire\n" {
		t.Fatalf("the log file has %q", text)
	}
}

func TestAChildThatIsNeverReadyIsEnded(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "pid")
	s := spec("worker", "touch="+file+" wait")
	s.ReadyWithin = 200 * time.Millisecond
	s.Ready = func(context.Context) error { return errors.New("no answer on port 1") }
	c := supervise.New(s, slog.New(slog.DiscardHandler), time.Now)
	err := c.Start(t.Context())
	if err == nil || !strings.Contains(err.Error(), "no answer on port 1") {
		t.Fatalf("got %v", err)
	}
	<-c.Done()
	if text, err := os.ReadFile(file); err == nil {
		if pid, _ := strconv.Atoi(string(text)); alive(pid) {
			t.Fatal("the process still runs")
		}
	}
}

func TestAChildThatIgnoresTheSignalIsKilled(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "pid")
	s := spec("worker", "ignore-term touch="+file+" wait")
	s.Ready, s.Grace = exists(file), 50*time.Millisecond
	c, log := start(t, s)
	pid := c.Status().Pid
	c.Stop()
	if alive(pid) || !strings.Contains(log.text(), "killed: it did not stop in time") {
		t.Fatalf("alive %v, log %s", alive(pid), log.text())
	}
}

func TestAChildDiesWithItsKilledParent(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "pid")
	self, _ := os.Executable()
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = []string{helperVariable + "=parent", "PID_FILE=" + file}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pid := 0
	eventually(t, "the grandchild runs", func() bool {
		text, _ := os.ReadFile(file)
		pid, _ = strconv.Atoi(string(text))
		return pid > 0
	})
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	eventually(t, "the orphan is gone", func() bool { return gone(pid) })
}

// gone reports whether a process that is not ours ended; it may stay a zombie until its new parent reads its status.
func gone(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return strings.HasPrefix(rest, "Z")
}

func TestOutputIsBoundedAndNotableLinesAreShown(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := spec("worker", "flood say=WARN:careful flood touch="+dir+"/done wait")
	s.Ready, s.LogPath, s.LogLimit = exists(dir+"/done"), dir+"/worker.log", 20_000
	s.Notable = func(line string) bool { return strings.HasPrefix(line, "WARN") }
	c, log := start(t, s)
	c.Stop()
	for _, name := range []string{"worker.log", "worker.log.1"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Size() > 21_000 {
			t.Fatalf("%s: %v, %v", name, info, err)
		}
	}
	if text := log.text(); strings.Count(text, "careful") != 1 || strings.Contains(text, "xxx") {
		t.Fatalf("log: %s", text)
	}
}

func TestStopDuringAPauseReturnsAtOnce(t *testing.T) {
	t.Parallel()
	s := spec("worker", "exit=1")
	s.Backoff = time.Hour
	c, log := start(t, s)
	eventually(t, "it went down", func() bool { return strings.Contains(log.text(), "restarting") })
	c.Stop()
}
