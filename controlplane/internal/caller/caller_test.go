package caller_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"

	"github.com/millwright-io/millwright/controlplane/internal/caller"
	"github.com/millwright-io/millwright/controlplane/internal/key"
	"github.com/millwright-io/millwright/controlplane/internal/tenant"
	"github.com/millwright-io/millwright/tenancy"
)

// source is a database of which the test has the strings.
type source struct {
	mu       sync.Mutex
	role     tenancy.Role
	asked    int
	during   func() // runs between question and answer
	own      func(kind, id string)
	started  chan func(kind, id string)
	breaking chan struct{}
}

func newSource() *source {
	return &source{role: tenancy.RoleViewer, started: make(chan func(kind, id string), 1), breaking: make(chan struct{})}
}

func (s *source) Standing(context.Context, string, string) (tenant.Standing, error) {
	s.mu.Lock()
	s.asked++
	st, during := tenant.Standing{Tenant: "t", Role: s.role}, s.during
	s.mu.Unlock()
	if during != nil {
		during()
	}
	return st, nil
}

func (s *source) PresentedKey(_ context.Context, id string) (key.Key, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	if id == "unknown" {
		return key.Key{}, tenancy.ErrNotFound
	}
	return key.Key{ID: id}, nil
}

func (s *source) CustomRoles(context.Context, tenancy.ID) (*tenancy.CustomRoles, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	return &tenancy.CustomRoles{}, nil
}

func (s *source) OnChange(changed func(kind, id string)) { s.own = changed }

func (s *source) Changes(ctx context.Context, listening func(), changed func(kind, id string)) error {
	listening()
	s.started <- changed
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-s.breaking:
		return errors.New("the database went away")
	}
}

func (s *source) take() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, s.asked = s.asked, 0
	return n
}

func run(t *testing.T, s *source) (*caller.Memory, func(kind, id string)) {
	t.Helper()
	m := caller.NewMemory(s, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return m, <-s.started
}

func ask(t *testing.T, m *caller.Memory) tenancy.Role {
	t.Helper()
	st, err := m.Standing(t.Context(), "session", "ada")
	if err != nil {
		t.Fatal(err)
	}
	return st.Role
}

func TestARequestCostsNoQueryUntilSomethingChanges(t *testing.T) {
	t.Parallel()
	s := newSource()
	m, changed := run(t, s)
	for range 5 {
		ask(t, m)
		if _, err := m.PresentedKey(t.Context(), "k"); err != nil {
			t.Fatal(err)
		}
	}
	if n := s.take(); n != 2 {
		t.Errorf("asked %d times, want once for each of two", n)
	}
	s.role = tenancy.RoleAdmin
	changed("person", "bob")
	if role := ask(t, m); role != tenancy.RoleViewer || s.take() != 0 {
		t.Errorf("another's change made ada %s", role)
	}
	changed("person", "ada")
	if role := ask(t, m); role != tenancy.RoleAdmin || s.take() != 1 {
		t.Errorf("after her change ada is %s", role)
	}
	s.role = tenancy.RoleOwner
	s.own("person", "ada")
	if role := ask(t, m); role != tenancy.RoleOwner || s.take() != 1 {
		t.Errorf("after a change of this process ada is %s", role)
	}
	changed("key", "k")
	_, _ = m.PresentedKey(t.Context(), "k")
	for range 2 {
		if _, err := m.PresentedKey(t.Context(), "unknown"); !errors.Is(err, tenancy.ErrNotFound) {
			t.Error(err)
		}
	}
	if n := s.take(); n != 3 {
		t.Errorf("asked %d times, want 3: what is unknown is not remembered", n)
	}
}

// TestAnAnswerFromBeforeAChangeIsNotKept changes the role between the database's answer and its arrival.
func TestAnAnswerFromBeforeAChangeIsNotKept(t *testing.T) {
	t.Parallel()
	s := newSource()
	m, changed := run(t, s)
	s.during = func() {
		s.mu.Lock()
		s.role, s.during = tenancy.RoleAdmin, nil
		s.mu.Unlock()
		changed("person", "ada")
	}
	if role := ask(t, m); role != tenancy.RoleViewer {
		t.Errorf("the call that was under way saw %s", role)
	}
	if role := ask(t, m); role != tenancy.RoleAdmin {
		t.Errorf("the next call saw %s", role)
	}
}

func TestWithoutTheDatabasesWordNothingIsRemembered(t *testing.T) {
	t.Parallel()
	s := newSource()
	m := caller.NewMemory(s, slog.New(slog.DiscardHandler))
	ask(t, m)
	ask(t, m)
	if n := s.take(); n != 2 {
		t.Errorf("before it listens, asked %d times, want 2", n)
	}
	m, _ = run(t, s)
	ask(t, m)
	s.breaking <- struct{}{}
	<-s.started // it listens again
	s.role = tenancy.RoleAdmin
	if role := ask(t, m); role != tenancy.RoleAdmin {
		t.Errorf("after a break ada is still %s", role)
	}
}
