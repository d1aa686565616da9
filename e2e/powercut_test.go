package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/millwright-io/millwright/e2e/stack"
)

// TestPowerCut keeps the data directory on a file system in an image file. The image is copied at the moment of
// `kill -9`: what the kernel had not been told to write to the device is not in the copy, as after a power cut. `up` on
// the copy must know every event that was acknowledged. It needs root and a loop device.
func TestPowerCut(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Log("not root: no file system can be mounted, so the durability of a copy is checked without dropping the page cache")
		powerCut(t, stack.TempDir(t), func(dir string) string {
			to := stack.TempDir(t)
			run(t, "cp", "-a", dir+"/.", to)
			return to
		})
		return
	}
	image := filepath.Join(stack.TempDir(t), "image")
	run(t, "truncate", "-s", "1500M", image)
	run(t, "mkfs.ext4", "-q", image)
	powerCut(t, mount(t, image), func(string) string {
		copied := image + ".cut"
		run(t, "cp", "--sparse=always", image, copied)
		return mount(t, copied)
	})
}

func powerCut(t *testing.T, mounted string, cut func(dir string) string) {
	data := filepath.Join(mounted, "data")
	s := stack.Start(t, stack.Options{Data: data})
	acks := filepath.Join(t.TempDir(), "acks")
	sim, out := s.Background(t, "simulate", "--devices", "20", "--rate", "3000", "--duration", "1h", "--seed", "13", "--acks", acks)
	ended := make(chan error, 1)
	go func() { ended <- sim.Wait() }()
	t.Cleanup(func() { _ = sim.Process.Kill() })
	waitForAcks(t, acks, 12000)
	s.Kill(t)
	copied := cut(mounted)
	_ = sim.Process.Kill()
	select {
	case <-ended:
	case <-time.After(30 * time.Second):
		t.Fatalf("simulate did not end\n%s", out)
	}
	if copied != mounted && !strings.HasPrefix(copied, "/") {
		t.Fatalf("no copy at %q", copied)
	}
	after := stack.Start(t, stack.Options{Data: existing(t, copied), PortBase: s.PortBase})
	verifyAcks(t, after, acks, 12000)
	usageEqualsStored(t, after)
}

// existing returns the data directory inside a copy, whichever level was copied.
func existing(t *testing.T, dir string) string {
	t.Helper()
	if inner := filepath.Join(dir, "data"); fileExists(inner) {
		return inner
	}
	return dir
}

func mount(t *testing.T, image string) string {
	t.Helper()
	dir := stack.TempDir(t)
	run(t, "mount", "-o", "loop", image, dir)
	t.Cleanup(func() { run(t, "umount", "--lazy", dir) })
	run(t, "chmod", "755", dir)
	return dir
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}
