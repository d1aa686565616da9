package outbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/millwright-io/millwright/billing/payment"
	"github.com/millwright-io/millwright/tenancy"
)

const (
	// look is how often a worker looks for what is due.
	look = time.Second
	// lease is how long work is somebody's; every request lengthens it. It is short, so that the work of a process that ended goes on soon. That is
	// safe, also when a request takes longer: whoever takes over sends the same request under the same key, and whoever lost it writes nothing.
	lease = 4 * time.Second
	// callTimeout bounds a request.
	callTimeout = 20 * time.Second
	// firstRetry and lastRetry bound the wait after a failure that may pass.
	firstRetry = time.Second
	lastRetry  = time.Hour
	// firstRead and lastRead bound the wait for word of a payment: it is read even if no webhook comes.
	firstRead = 30 * time.Second
	lastRead  = time.Hour
	// overdueRead is how often an invoice whose payment failed is read.
	overdueRead = 10 * time.Minute
	// maxFailure bounds what is kept of a failure.
	maxFailure = 500
)

// Tenants are served or not, which the control plane sees to.
type Tenants interface {
	// SuspendForPayment stops serving a tenant; one that is suspended already is left as it is.
	SuspendForPayment(ctx context.Context, id tenancy.ID, reason string) error
	// ResumeAfterPayment serves a tenant again that is suspended for that reason, and leaves any other as it is.
	ResumeAfterPayment(ctx context.Context, id tenancy.ID, reason string) error
}

// Deps are what a worker works with.
type Deps struct {
	Store    Store
	Provider Provider
	Tenants  Tenants
	Policy   payment.Policy
	// Origin is the console's, for links in letters.
	Origin string
	Log    *slog.Logger
	// Now is the wall clock, Billing that of billing.
	Now, Billing func() time.Time
	// Crash is told of every point at which a process may end; nil: nobody is.
	Crash func(point string)
}

// Worker takes what is due. Several processes may each have one.
type Worker struct {
	store     Store
	provider  Provider
	tenants   Tenants
	policy    payment.Policy
	customers *Customers
	origin    string
	log       *slog.Logger
	now       func() time.Time
	billing   func() time.Time
	crash     func(point string)
}

// NewWorker returns a worker.
func NewWorker(d Deps) *Worker {
	w := &Worker{
		store: d.Store, provider: d.Provider, tenants: d.Tenants, policy: d.Policy, customers: NewCustomers(d.Store, d.Provider, d.Now), origin: d.Origin, log: d.Log,
		now: d.Now, billing: d.Billing, crash: d.Crash,
	}
	if w.crash == nil {
		w.crash = func(string) {}
	}
	return w
}

// Run works until ctx is done.
func (w *Worker) Run(ctx context.Context) error {
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		if err := w.Round(ctx); err != nil && ctx.Err() == nil {
			w.log.WarnContext(ctx, "cannot work on payments", slog.Any("error", err))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Round takes everything that is due.
func (w *Worker) Round(ctx context.Context) error {
	if _, err := w.store.Sweep(ctx, w.now(), w.billing()); err != nil {
		return err
	}
	for ctx.Err() == nil {
		work, ok, err := w.store.Claim(ctx, w.now(), w.now().Add(lease))
		if err != nil || !ok {
			return err
		}
		if work.Account {
			err = w.account(ctx, work)
		} else {
			err = w.entry(ctx, work)
		}
		if errors.Is(err, ErrLeaseLost) {
			continue // whoever has it now goes on
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// entry takes steps until one has to wait.
func (w *Worker) entry(ctx context.Context, work Work) error {
	e, err := w.store.Entry(ctx, work.Tenant, work.Object)
	if err != nil {
		return err
	}
	if e.State == Done || e.State == Parked {
		return w.store.Settle(ctx, work, e, time.Time{})
	}
	for e.Step != StepPayment {
		next, err := w.step(ctx, work, &e)
		if errors.Is(err, ErrTakenBack) {
			e.State, e.Payment, e.Failure = Done, payment.Void, ErrTakenBack.Error()
			return w.store.Settle(ctx, work, e, time.Time{})
		}
		if err != nil {
			return w.failed(ctx, work, e, err)
		}
		e.Step, e.Attempts, e.Failure = next, 0, ""
		if err := w.store.Keep(ctx, work, e); err != nil {
			return err
		}
	}
	return w.read(ctx, work, e)
}

// step takes the step at hand and returns the next one.
func (w *Worker) step(ctx context.Context, work Work, e *Entry) (Step, error) {
	customer, err := w.customers.customer(ctx, string(e.Tenant), w.now(), w.crash)
	if err != nil {
		return "", err
	}
	switch e.Step {
	case StepCustomer:
		a, err := w.store.Account(ctx, e.Tenant)
		e.CardTried = a.Cards
		return StepInvoice, err
	case StepInvoice:
		e.Reference, err = w.once(ctx, work, request{
			name: "invoice",
			find: func(ctx context.Context) (string, bool, error) { return w.provider.FindInvoice(ctx, customer, e.ID) },
			send: func(ctx context.Context, key string) (string, error) {
				return w.provider.CreateInvoice(ctx, key, customer, e.ID, e.Bill)
			},
		})
		return StepItems, err
	case StepItems:
		return StepFinalize, w.items(ctx, work, *e, customer)
	case StepFinalize:
		_, err = w.once(ctx, work, request{
			name: "finalize",
			find: func(ctx context.Context) (string, bool, error) {
				r, err := w.provider.Read(ctx, e.Reference)
				return "", !r.Draft, err
			},
			send: func(ctx context.Context, key string) (string, error) {
				return "", w.provider.Finalize(ctx, key, e.Reference)
			},
		})
		return StepPayment, err
	case StepPayment:
	}
	return "", fmt.Errorf("entry %s is at a step that there is not: %s", e.ID, e.Step)
}

// items adds the lines, and then holds what the provider makes of them against our invoice: nothing is charged that differs.
func (w *Worker) items(ctx context.Context, work Work, e Entry, customer string) error {
	for i := range e.Bill.Lines {
		_, err := w.once(ctx, work, request{
			name: fmt.Sprintf("item/%d", i),
			find: func(ctx context.Context) (string, bool, error) { return w.provider.FindItem(ctx, e.Reference, i) },
			send: func(ctx context.Context, key string) (string, error) {
				return w.provider.AddItem(ctx, key, customer, e.Reference, i, e.Bill)
			},
		})
		if err != nil {
			return err
		}
	}
	r, err := w.provider.Read(ctx, e.Reference)
	if err != nil {
		return err
	}
	if r.Total != e.Bill.Total || !strings.EqualFold(r.Currency, string(e.Bill.Currency)) {
		return &Failure{Final: true, Text: fmt.Sprintf("the provider's invoice %s comes to %d %s, ours to %d %s: nothing was charged; put it right or delete it there, and retry", e.Reference,
			r.Total, strings.ToUpper(r.Currency), e.Bill.Total, e.Bill.Currency)}
	}
	return nil
}

// read looks at what has become of the payment.
func (w *Worker) read(ctx context.Context, work Work, e Entry) error {
	w.crash("payment:reading")
	r, err := w.provider.Read(ctx, e.Reference)
	if err != nil {
		return w.failed(ctx, work, e, err)
	}
	if r.State == payment.Failed {
		if r, err = w.payAgain(ctx, work, &e, r); err != nil {
			return w.failed(ctx, work, e, err)
		}
	}
	e.State, e.Payment, e.Charges, e.Decline, e.Failure = Awaiting, r.State, r.Charges, clip(r.Decline), ""
	switch r.State {
	case payment.Paid, payment.Void:
		e.State, e.PaidAt, e.Attempts = Done, r.PaidAt, 0
		return w.store.Settle(ctx, work, e, time.Time{})
	case payment.Failed:
		e.Attempts = 0
		return w.store.Settle(ctx, work, e, w.now().Add(overdueRead))
	case payment.Pending:
	}
	e.Attempts++
	return w.store.Settle(ctx, work, e, w.now().Add(backoff(firstRead, lastRead, e.Attempts)))
}

// payAgain tries a payment that failed with a card that was entered since, once for each card: an invoice is paid once at most, whoever asks.
func (w *Worker) payAgain(ctx context.Context, work Work, e *Entry, r Reading) (Reading, error) {
	a, err := w.store.Account(ctx, e.Tenant)
	if err != nil || a.Cards <= e.CardTried {
		return r, err
	}
	if err := w.provider.Pay(ctx, key(e.ID, fmt.Sprintf("pay/%d", a.Cards), 1), e.Reference); err != nil {
		return r, err
	}
	e.CardTried = a.Cards
	if err := w.store.Keep(ctx, work, *e); err != nil {
		return r, err
	}
	return w.provider.Read(ctx, e.Reference)
}

// failed notes a failure: one that may pass is tried again, one that will not waits for an operator.
func (w *Worker) failed(ctx context.Context, work Work, e Entry, err error) error {
	if ctx.Err() != nil || errors.Is(err, ErrLeaseLost) {
		return err
	}
	e.Attempts++
	e.Failure = clip(err.Error())
	wait := backoff(firstRetry, lastRetry, e.Attempts)
	var f *Failure
	if errors.As(err, &f) {
		if f.Final {
			e.State = Parked
			w.log.ErrorContext(ctx, "a payment waits for an operator", slog.String("entry", e.ID), slog.String("step", string(e.Step)), slog.String("error", e.Failure))
			return w.store.Settle(ctx, work, e, time.Time{})
		}
		wait = max(wait, f.After)
	}
	w.log.WarnContext(ctx, "a payment is tried again", slog.String("entry", e.ID), slog.String("step", string(e.Step)), slog.Duration("wait", wait), slog.String("error", e.Failure))
	return w.store.Settle(ctx, work, e, w.now().Add(wait))
}

// backoff doubles from attempt to attempt; a quarter of it is chance, so that those who failed together do not come back together.
func backoff(first, last time.Duration, attempts int) time.Duration {
	wait := min(first<<min(attempts-1, 16), last)
	return wait*3/4 + rand.N(wait/4+1) //nolint:gosec // no secret
}

func clip(text string) string {
	if r := []rune(text); len(r) > maxFailure {
		return string(r[:maxFailure]) + "…"
	}
	return text
}
