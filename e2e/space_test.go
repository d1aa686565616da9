package e2e

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/millwright-io/millwright/e2e/stack"
)

// TestDiskNearlyFull fills the disk of the data directory below the reserve while devices send: new events are refused
// with a sentence, nothing acknowledged is lost, and everything goes on when there is space again. Root gets a small
// file system in an image file; anyone else a reserve just below what the machine's disk has free.
func TestDiskNearlyFull(t *testing.T) {
	dir, reserve := stack.TempDir(t), int64(256)
	if os.Geteuid() == 0 {
		image := filepath.Join(dir, "image")
		run(t, "truncate", "-s", "1500M", image)
		run(t, "mkfs.ext4", "-q", image)
		dir = mount(t, image)
	} else {
		reserve = freeMB(t, dir) - 300
	}
	s := stack.Start(t, stack.Options{Data: filepath.Join(dir, "data"), Args: []string{"--space-reserve", fmt.Sprint(reserve)}})
	device := stack.DeviceHTTP(t, newDevice(t, s, "lodger"))
	acks := filepath.Join(t.TempDir(), "acks")
	sim, out := s.Background(t, "simulate", "--devices", "5", "--rate", "500", "--duration", "1h", "--seed", "17", "--acks", acks, "--protocol", "mqtt5")
	ended := make(chan error, 1)
	go func() { ended <- sim.Wait() }()
	t.Cleanup(func() { _ = sim.Process.Kill() })
	waitForAcks(t, acks, 1000)

	filler := filepath.Join(dir, "filler")
	t.Cleanup(func() { _ = os.Remove(filler) })
	fill(t, filler, freeMB(t, dir)-reserve+50)
	const payload = `{"measurements":{"temperature":1}}`
	stack.Eventually(t, 10*time.Second, "events are refused", func() error {
		status, answer := post(t, device, s.Demo.IngestURL, payload)
		if status != http.StatusServiceUnavailable || !strings.Contains(answer, "disk is nearly full") {
			return fmt.Errorf("status %d: %s", status, answer)
		}
		return nil
	})
	before := -1
	stack.Eventually(t, 10*time.Second, "acknowledgements cease", func() error {
		now := lines(acks)
		same := now == before
		before = now
		if !same {
			return fmt.Errorf("%d by now", now)
		}
		return nil
	})
	if status, answer := post(t, device, s.Demo.IngestURL, `not JSON`); status != http.StatusServiceUnavailable {
		t.Errorf("a dead letter on a full disk: status %d: %s", status, answer)
	}
	if !strings.Contains(s.Output(), "disk nearly full") {
		t.Error("up does not tell its operator")
	}
	verifyAcks(t, s, acks, 1000)
	if now := lines(acks); now != before {
		t.Errorf("%d events were acknowledged on a full disk", now-before)
	}

	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	waitForAcks(t, acks, 1000)
	if status, answer := post(t, device, s.Demo.IngestURL, payload); status != http.StatusAccepted {
		t.Errorf("with space again: status %d: %s", status, answer)
	}
	_ = sim.Process.Signal(syscall.SIGTERM)
	select {
	case <-ended:
	case <-time.After(30 * time.Second):
		t.Fatalf("simulate did not end\n%s", out)
	}
	verifyAcks(t, s, acks, 2000)
	usageEqualsStored(t, s)
}

func freeMB(t *testing.T, dir string) int64 {
	t.Helper()
	var stat syscall.Statfs_t
	if err := syscall.Statfs(dir, &stat); err != nil {
		t.Fatal(err)
	}
	return int64(stat.Bavail) * stat.Bsize >> 20
}

// fill takes mb of the disk.
func fill(t *testing.T, path string, mb int64) {
	t.Helper()
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(syscall.Fallocate(int(file.Fd()), 0, 0, mb<<20), file.Close()); err != nil {
		t.Fatalf("take %d MB of the disk: %v", mb, err)
	}
}
