// Package lastuse remembers when, and from where, each secret of an API key was used last, and passes it on from time to
// time, so that no request writes anything. Both planes import it: the control plane writes to its database, a cell
// reports to the control plane.
package lastuse

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/millwright-io/millwright/tenancy"
)

const (
	// Interval is how often uses are passed on.
	Interval = 15 * time.Second
	// capacity bounds the secrets that are remembered; further ones wait for the next round.
	capacity = 100_000
	// lastTimeout bounds passing on at the end.
	lastTimeout = 3 * time.Second
)

// Secret names one secret of a key.
type Secret struct {
	Tenant tenancy.ID
	Key    string
	Number int
}

// Use is the last use of a secret.
type Use struct {
	Secret
	At      time.Time
	Address string
}

// Send passes uses on.
type Send func(ctx context.Context, uses []Use) error

// Tracker is safe for concurrent use.
type Tracker struct {
	send     Send
	interval time.Duration
	log      *slog.Logger

	mu   sync.Mutex
	uses map[Secret]Use
}

// New returns a tracker; Run it. interval is Interval, but in tests.
func New(send Send, interval time.Duration, log *slog.Logger) *Tracker {
	return &Tracker{send: send, interval: interval, log: log, uses: map[Secret]Use{}}
}

// Seen notes a use.
func (t *Tracker) Seen(s Secret, at time.Time, address string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.note(Use{Secret: s, At: at, Address: address})
}

func (t *Tracker) note(u Use) {
	known, ok := t.uses[u.Secret]
	if (ok && known.At.After(u.At)) || (!ok && len(t.uses) >= capacity) {
		return
	}
	t.uses[u.Secret] = u
}

// Run passes uses on until ctx is done, and then what is left.
func (t *Tracker) Run(ctx context.Context) error {
	tick := time.NewTicker(t.interval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			t.flush(ctx)
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastTimeout)
			defer cancel()
			t.flush(last)
			return nil
		}
	}
}

// flush passes on what is there; what could not be passed on is kept for the next round.
func (t *Tracker) flush(ctx context.Context) {
	t.mu.Lock()
	uses := make([]Use, 0, len(t.uses))
	for _, u := range t.uses {
		uses = append(uses, u)
	}
	clear(t.uses)
	t.mu.Unlock()
	if len(uses) == 0 {
		return
	}
	if err := t.send(ctx, uses); err != nil {
		t.log.WarnContext(ctx, "cannot pass on when keys were used, trying again", slog.Int("secrets", len(uses)), slog.Any("error", err))
		t.mu.Lock()
		defer t.mu.Unlock()
		for _, u := range uses {
			t.note(u)
		}
	}
}
