// Package metering is the noun of usage as the payment provider's meters are told of it: hour by hour, each total frozen under a name before it is
// sent. What is charged does not follow from it: that is the frozen invoice. postgres implements its store, stripe its provider; it imports no
// vendor and no generated code.
package metering

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/millwright-io/millwright/billing"
	"github.com/millwright-io/millwright/billing/outbox"
	"github.com/millwright-io/millwright/tenancy"
)

const (
	// every is how often hours are looked for that have ended.
	every = time.Minute
	// settled is how long after its end an hour is frozen; what is counted later is on the invoice and not in the provider's meters.
	settled = 2 * time.Hour
	// page is how many accounts are frozen and how many events sent at once.
	page = 200
	// oldest is what the provider takes at most.
	oldest = 34 * 24 * time.Hour
	// callTimeout bounds a request.
	callTimeout = 20 * time.Second
)

// Event is a total of an hour. Nothing of it changes once it is recorded.
type Event struct {
	Tenant                      tenancy.ID
	Meter, Customer, Identifier string
	Amount                      int64
	Hour                        time.Time
	// IntendedAt is when it was first sent; zero: never.
	IntendedAt time.Time
}

// Store keeps events.
type Store interface {
	// FreezeHours records the hours of accounts up to a time, of so many accounts at most, and returns how many events that were.
	FreezeHours(ctx context.Context, through time.Time, meters []billing.Meter, accounts int) (int, error)
	// UnsentEvents returns events that are to be sent, the oldest first.
	UnsentEvents(ctx context.Context, limit int) ([]Event, error)
	// IntendEvent records that an event is sent for the first time.
	IntendEvent(ctx context.Context, e Event, at time.Time) error
	// SettleEvent records that it was taken, or why it never will be.
	SettleEvent(ctx context.Context, e Event, at time.Time, failure string) error
}

// Provider is the payment provider.
type Provider interface {
	// EnsureMeters makes the meters (title by name) that are not there.
	EnsureMeters(ctx context.Context, meters map[string]string) error
	// Count tells a meter of an event; one that it knows already is a success.
	Count(ctx context.Context, e Event) error
}

// Teller tells the provider of usage. Several processes may each have one: an event that two send is counted once.
type Teller struct {
	store    Store
	provider Provider
	log      *slog.Logger
	now      func() time.Time
	ready    bool
}

// NewTeller returns a teller.
func NewTeller(store Store, provider Provider, log *slog.Logger, now func() time.Time) *Teller {
	return &Teller{store: store, provider: provider, log: log, now: now}
}

// Run tells until ctx is done.
func (t *Teller) Run(ctx context.Context) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if err := t.Round(ctx); err != nil && ctx.Err() == nil {
			t.log.WarnContext(ctx, "cannot tell the payment provider of usage", slog.Any("error", err))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Name is what a meter is called at the provider.
func Name(m billing.Meter) string { return "millwright_" + string(m) }

// Meters are those that customers see, with what they count.
func Meters() (meters []billing.Meter, titles map[string]string) {
	titles = map[string]string{}
	for _, d := range billing.Definitions() {
		if !d.Internal {
			meters = append(meters, d.Meter)
			titles[Name(d.Meter)] = d.What
		}
	}
	return meters, titles
}

// Round freezes the hours that have ended and sends what is not sent. The first failure that may pass ends it.
func (t *Teller) Round(ctx context.Context) error {
	meters, titles := Meters()
	through := t.now().UTC().Add(-settled).Truncate(time.Hour)
	if _, err := t.store.FreezeHours(ctx, through, meters, page); err != nil {
		return err
	}
	for ctx.Err() == nil {
		list, err := t.store.UnsentEvents(ctx, page)
		if err != nil || len(list) == 0 {
			return err
		}
		if !t.ready {
			if err := t.provider.EnsureMeters(ctx, titles); err != nil {
				return err
			}
			t.ready = true
		}
		for _, e := range list {
			if err := t.tell(ctx, e); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

// tell sends an event. The provider knows its name for a day: later it is not sent again, for it may have been counted.
func (t *Teller) tell(ctx context.Context, e Event) error {
	now := t.now()
	switch {
	case !e.IntendedAt.IsZero() && now.Sub(e.IntendedAt) > outbox.Window:
		return t.store.SettleEvent(ctx, e, now, "it may have been counted more than a day ago: it is not sent again")
	case now.Sub(e.Hour) > oldest:
		return t.store.SettleEvent(ctx, e, now, "the provider takes nothing that old")
	}
	if err := t.store.IntendEvent(ctx, e, now); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	err := t.provider.Count(ctx, e)
	var f *outbox.Failure
	if errors.As(err, &f) && f.Final {
		t.log.ErrorContext(ctx, "the payment provider does not count usage", slog.String("event", e.Identifier), slog.Any("error", err))
		return t.store.SettleEvent(ctx, e, now, f.Text)
	}
	if err != nil {
		return err
	}
	return t.store.SettleEvent(ctx, e, now, "")
}
