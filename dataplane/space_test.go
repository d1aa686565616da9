package dataplane

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"github.com/millwright-io/millwright/dataplane/internal/frame"
	"github.com/millwright-io/millwright/dataplane/internal/gateway"
	"github.com/millwright-io/millwright/dataplane/internal/telemetry"
	"github.com/millwright-io/millwright/tenancy"
)

// taken counts what comes through.
type taken struct{ events, letters int }

func (p *taken) Partitions() int { return 1 }

func (p *taken) Append(context.Context, int, []telemetry.Event, frame.Receipt, uint64) error {
	p.events++
	return nil
}

type takenLetters struct{ *taken }

func (p takenLetters) Append(context.Context, telemetry.DeadLetter, frame.Receipt, uint64) error {
	p.letters++
	return nil
}

func TestNothingIsTakenBelowTheReserve(t *testing.T) {
	t.Parallel()
	got, free := &taken{}, uint64(0)
	s := &space{
		Publisher: got, letters: takenLetters{got}, dir: "/data", reserve: 400, log: slog.New(slog.DiscardHandler),
		free: func(string) (uint64, error) { return free, nil },
	}
	for _, step := range []struct {
		free  uint64
		taken bool
	}{{1000, true}, {400, true}, {399, false}, {400, false}, {499, false}, {500, true}, {400, true}, {0, false}, {1000, true}} {
		free = step.free
		s.check(t.Context())
		*got = taken{}
		err := s.Append(t.Context(), 0, nil, nil, 0)
		letterErr := deadLetters{s}.Append(t.Context(), telemetry.DeadLetter{}, nil, 0)
		if step.taken != (got.events == 1 && got.letters == 1) || step.taken != (err == nil && letterErr == nil) {
			t.Errorf("with %d free: events %d, letters %d, %v, %v", step.free, got.events, got.letters, err, letterErr)
		}
		if err != nil && (!errors.Is(err, gateway.ErrNoSpace) || !errors.Is(err, tenancy.ErrUnavailable)) {
			t.Errorf("the refusal is %v", err)
		}
	}
	s.free = func(string) (uint64, error) { return 0, errors.New("stale handle") }
	if s.check(t.Context()); s.short.Load() {
		t.Error("a disk that does not answer counts as full")
	}
}

func TestAMissingSpaceDirectoryIsRefusedAtTheStart(t *testing.T) {
	t.Parallel()
	if _, err := FreeSpace(t.TempDir() + "/none"); err == nil {
		t.Error("free space where nothing is")
	}
	if free, err := FreeSpace(t.TempDir()); err != nil || free == 0 {
		t.Error(free, err)
	}
}
