package postgres

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestAFolderThatTheAccountCannotPassIsNamed(t *testing.T) {
	t.Parallel()
	closed := filepath.Join(t.TempDir(), "home")
	bin := filepath.Join(closed, "checkout", "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	owner := &syscall.Credential{Uid: uint32(os.Getuid()), Gid: uint32(os.Getgid())}
	stranger := &syscall.Credential{Uid: owner.Uid + 1000, Gid: owner.Gid + 1000}
	for _, check := range []func(string, *syscall.Credential) error{checkBinaries, checkReach} {
		for _, who := range []*syscall.Credential{nil, owner} {
			if err := check(bin, who); err != nil {
				t.Errorf("for %v: %v", who, err)
			}
		}
		err := check(bin, stranger)
		if err == nil || !strings.Contains(err.Error(), "chmod o+x "+closed) || strings.Contains(err.Error(), "\n") {
			t.Errorf("a stranger: %v", err)
		}
	}
	if err := checkBinaries(bin, stranger); err == nil || !strings.Contains(err.Error(), "--postgres-bin") {
		t.Errorf("a stranger: %v", err)
	}
}
