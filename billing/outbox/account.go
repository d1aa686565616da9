package outbox

import (
	"context"
	"log/slog"
	"time"

	"github.com/millwright-io/millwright/billing/payment"
)

// accountRetry is how long an account rests after a failure.
const accountRetry = 15 * time.Second

// account looks after a tenant's account: its card, what it owes, and what follows from that.
func (w *Worker) account(ctx context.Context, work Work) error {
	err := w.look(ctx, work)
	if err == nil {
		return w.store.SettleAccount(ctx, work, time.Time{})
	}
	if ctx.Err() != nil {
		return err
	}
	w.log.WarnContext(ctx, "cannot look after an account", slog.String("tenant", string(work.Tenant)), slog.Any("error", err))
	return w.store.SettleAccount(ctx, work, w.now().Add(accountRetry))
}

func (w *Worker) look(ctx context.Context, work Work) error {
	a, err := w.store.Account(ctx, work.Tenant)
	if err != nil {
		return err
	}
	if a.Customer != "" {
		if err := w.card(ctx, work, a); err != nil {
			// What is overdue does not wait for the provider.
			w.log.WarnContext(ctx, "cannot read a card", slog.String("tenant", string(work.Tenant)), slog.Any("error", err))
			defer func() { _ = w.dun(ctx, work) }()
			return err
		}
	}
	return w.dun(ctx, work)
}

// card reads the card, and makes one that was entered just now the one that is charged.
func (w *Worker) card(ctx context.Context, work Work, a payment.Account) error {
	c, err := w.provider.Card(ctx, a.Customer, a.Adopt)
	if err != nil {
		return err
	}
	return w.store.SetCard(ctx, work.Tenant, c, a.Adopt && c.Last4 != "", w.now())
}

// dun does what an overdue payment asks for at this time on the clock of billing, one change at a time. A change of whether the tenant is served
// comes before it is noted, so that a crash in between repeats it.
func (w *Worker) dun(ctx context.Context, work Work) error {
	a, err := w.store.Account(ctx, work.Tenant)
	if err != nil {
		return err
	}
	due, err := w.store.Due(ctx, work.Tenant)
	if err != nil {
		return err
	}
	now := w.billing()
	c, changes := w.policy.Dun(a, due.Amount > 0, now)
	if !changes {
		return nil
	}
	switch c.Suspension {
	case payment.Suspend:
		err = w.tenants.SuspendForPayment(ctx, a.Tenant, payment.Reason)
	case payment.Resume:
		err = w.tenants.ResumeAfterPayment(ctx, a.Tenant, payment.Reason)
	case payment.Leave:
	}
	if err != nil {
		return err
	}
	w.crash("dunning:" + string(c.Notice))
	name := a.Name
	return w.store.Dun(ctx, work, c.Account, c.Notice.Letter(name, w.origin, c.Account, due), w.now())
}
