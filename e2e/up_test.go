package e2e

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/millwright-io/millwright/e2e/stack"
)

// TestUpLifecycle starts, refuses a second start, stops cleanly, recovers from a kill and keeps its state.
func TestUpLifecycle(t *testing.T) {
	s := stack.Start(t, stack.Options{})
	dir := newDevice(t, s, "kept")

	t.Run("a second up on the same data directory names the first", func(t *testing.T) {
		refused(t, []string{"up", "--data", s.Data, "--port-base", fmt.Sprint(s.PortBase + 100)}, "is in use", s.Data)
	})
	t.Run("a port in use is named with its flag", func(t *testing.T) {
		refused(t, []string{"up", "--data", stack.TempDir(t), "--port-base", fmt.Sprint(s.PortBase)}, fmt.Sprint(s.PortBase), "--")
	})
	t.Run("health and metrics of the whole tree", func(t *testing.T) {
		for path, want := range map[string]string{"/healthz": "", "/readyz": "", "/metrics": "millwright_"} {
			if body := get(t, fmt.Sprintf("http://127.0.0.1:%d%s", s.PortBase+5, path)); !strings.Contains(body, want) {
				t.Errorf("%s does not say %q", path, want)
			}
		}
	})
	t.Run("every metric of the dashboard and of the alerts", func(t *testing.T) {
		publishCurl(t, s, dir, `{"measurements":{"temperature":1}}`)
		everythingWatchedIsThere(t, s)
	})

	tree := s.Processes()
	s.Stop(t)
	if len(tree) < 4 {
		t.Errorf("up ran only %d children", len(tree))
	}
	if !portsClosed(s.PortBase) {
		t.Error("a public port is still open after up stopped")
	}
	if left := stack.Alive(tree); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if _, err := os.Stat(filepath.Join(s.Data, "postgres", "postmaster.pid")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("postgres left its lock: %v", err)
	}

	start := time.Now()
	s = s.Restart(t)
	if took := time.Since(start); took > 15*time.Second {
		t.Errorf("a later start took %s", took)
	}
	s.Kill(t)
	s = s.Restart(t)
	if out := s.Run(t, "device", "get", "kept"); !strings.Contains(out, "kept") {
		t.Errorf("the device is gone: %s", out)
	}
	publishCurl(t, s, dir, `{"measurements":{"temperature":1}}`)
	if code := s.StopTwice(t); code != 130 || !strings.Contains(s.Output(), "second signal: ended at once") {
		t.Errorf("a second interrupt: exit code %d\n%s", code, s.Output())
	}
	s = s.Restart(t)
	if out := s.Run(t, "device", "get", "kept"); !strings.Contains(out, "kept") {
		t.Errorf("the device is gone after a second interrupt: %s", out)
	}

	t.Run("a data directory of a newer version is refused", func(t *testing.T) {
		data := stack.TempDir(t)
		if err := os.WriteFile(filepath.Join(data, "version"), []byte("9999\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		refused(t, []string{"up", "--data", data, "--port-base", fmt.Sprint(s.PortBase + 100)}, "newer", data)
	})
}

// refused runs millwright, which must exit non-zero with one sentence that has every word.
func refused(t *testing.T, args []string, words ...string) {
	t.Helper()
	out, err := exec.Command(stack.Binary(t), args...).CombinedOutput()
	if err == nil {
		t.Fatalf("millwright %v was not refused:\n%s", args, out)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	last := lines[len(lines)-1]
	for _, w := range words {
		if !strings.Contains(last, w) {
			t.Errorf("the refusal does not say %q: %s", w, out)
		}
	}
	if strings.Contains(string(out), "goroutine ") {
		t.Errorf("it crashed: %s", out)
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s: %v\n%s", url, res.Status, err, body)
	}
	return string(body)
}

func portsClosed(base int) bool {
	for p := base; p < base+6; p++ {
		if c, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", p), time.Second); err == nil {
			_ = c.Close()
			return false
		}
	}
	return true
}
