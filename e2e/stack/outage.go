package stack

import (
	"errors"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// HoldDown kills every process of the tree whose command begins with the words, again and again, as often as `up` starts it, until
// the returned function is called.
func (s *Stack) HoldDown(t testing.TB, words string) (release func()) {
	t.Helper()
	stop, done := make(chan struct{}), make(chan struct{})
	killed := make(chan struct{}, 1)
	go func() {
		defer close(done)
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			for _, p := range s.matching(words) {
				if syscall.Kill(p.ID, syscall.SIGKILL) == nil {
					select {
					case killed <- struct{}{}:
					default:
					}
				}
			}
			select {
			case <-stop:
				return
			case <-tick.C:
			}
		}
	}()
	release = sync.OnceFunc(func() {
		close(stop)
		<-done
	})
	t.Cleanup(release)
	select {
	case <-killed:
	case <-time.After(5 * time.Second):
		t.Fatalf("there is no %s to hold down", words)
	}
	return release
}

// Freeze stops every process of the tree whose command begins with the words, as one that hangs: it answers nobody and refuses
// nobody. The returned function lets them go on.
func (s *Stack) Freeze(t testing.TB, words string) (release func()) {
	t.Helper()
	frozen := s.matching(words)
	if len(frozen) == 0 {
		t.Fatalf("there is no %s to freeze", words)
	}
	signal := func(sig syscall.Signal) {
		for _, p := range frozen {
			if err := syscall.Kill(p.ID, sig); err != nil && !errors.Is(err, os.ErrProcessDone) && !errors.Is(err, syscall.ESRCH) {
				t.Errorf("signal %d: %v", p.ID, err)
			}
		}
	}
	signal(syscall.SIGSTOP)
	release = sync.OnceFunc(func() { signal(syscall.SIGCONT) })
	t.Cleanup(release)
	return release
}

func (s *Stack) matching(words string) (list []Process) {
	for _, p := range s.Processes() {
		if strings.HasPrefix(p.Command, words) {
			list = append(list, p)
		}
	}
	return list
}
