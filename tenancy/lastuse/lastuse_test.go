package lastuse_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/millwright-io/millwright/tenancy/lastuse"
)

func TestTheLastUseIsPassedOnOnceAndNeverLost(t *testing.T) {
	t.Parallel()
	sent := make(chan []lastuse.Use, 10)
	failing := make(chan error, 1)
	failing <- errors.New("nobody listens")
	tracker := lastuse.New(func(_ context.Context, uses []lastuse.Use) error {
		select {
		case err := <-failing:
			return err
		default:
		}
		sent <- uses
		return nil
	}, time.Millisecond, slog.New(slog.DiscardHandler))
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	s := lastuse.Secret{Tenant: "t", Key: "k", Number: 1}
	for i := range 100 {
		tracker.Seen(s, start.Add(time.Duration(i)*time.Second), "192.0.2.1")
	}
	tracker.Seen(s, start, "192.0.2.99") // a late one
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- tracker.Run(ctx) }()
	got := <-sent
	if len(got) != 1 || got[0].Secret != s || !got[0].At.Equal(start.Add(99*time.Second)) || got[0].Address != "192.0.2.1" {
		t.Errorf("passed on %+v", got)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	tracker.Seen(s, start.Add(time.Hour), "192.0.2.2")
	ctx, cancel = context.WithCancel(t.Context())
	cancel()
	if err := tracker.Run(ctx); err != nil {
		t.Error(err)
	}
	if got := <-sent; len(got) != 1 || got[0].Address != "192.0.2.2" {
		t.Errorf("at the end: %+v", got)
	}
}
