package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/millwright-io/millwright/billing/outbox"
	"github.com/millwright-io/millwright/tenancy"
)

const claimWork = `
update payment_work set due_at = @ends, lease = @lease, again = false where object_id = (
  select object_id from payment_work where due_at <= @now order by due_at, object_id limit 1 for update skip locked)
returning object_id, tenant_id, kind = 'account'`

// Claim implements outbox.Store.
func (s *Store) Claim(ctx context.Context, now, leaseEnds time.Time) (w outbox.Work, ok bool, err error) {
	w.Lease = string(tenancy.NewID())
	err = s.pool.QueryRow(ctx, claimWork, pgx.NamedArgs{"now": now, "ends": leaseEnds, "lease": w.Lease}).Scan(&w.Object, &w.Tenant, &w.Account)
	if errors.Is(err, pgx.ErrNoRows) {
		return outbox.Work{}, false, nil
	}
	if err != nil {
		return outbox.Work{}, false, fmt.Errorf("claim a payment: %w", err)
	}
	return w, true, nil
}

// underLease runs f in a transaction of the tenant that holds the work's row while the lease is ours.
func (s *Store) underLease(ctx context.Context, w outbox.Work, f func(tx pgx.Tx) error) error {
	return s.inTenant(ctx, w.Tenant, func(tx pgx.Tx) error {
		var mine bool
		err := tx.QueryRow(ctx, "select lease = $2 from payment_work where object_id = $1 for update", w.Object, w.Lease).Scan(&mine)
		if errors.Is(err, pgx.ErrNoRows) || (err == nil && !mine) {
			return fmt.Errorf("%s: %w", w.Object, outbox.ErrLeaseLost)
		}
		if err != nil {
			return fmt.Errorf("hold %s: %w", w.Object, err)
		}
		return f(tx)
	})
}

// release gives the work up until due, or at once if something came meanwhile; a zero time: for good.
func release(ctx context.Context, tx pgx.Tx, w outbox.Work, due time.Time) error {
	var err error
	if due.IsZero() {
		if _, err = tx.Exec(ctx, "delete from payment_work where object_id = $1 and not again", w.Object); err == nil {
			_, err = tx.Exec(ctx, "update payment_work set due_at = now(), lease = '', again = false where object_id = $1", w.Object)
		}
	} else {
		_, err = tx.Exec(ctx, "update payment_work set due_at = case when again then now() else $2 end, lease = '', again = false where object_id = $1", w.Object, due)
	}
	if err != nil {
		return fmt.Errorf("give up %s: %w", w.Object, err)
	}
	return nil
}

// queueWork makes work due; who is at it will find that it is due again.
const queueWork = `
insert into payment_work (object_id, tenant_id, kind, due_at) values (@object, @tenant, @kind, @now)
` + ifQueued

const ifQueued = `
on conflict (object_id) do update set again = payment_work.lease <> '',
  due_at = case when payment_work.lease = '' then least(payment_work.due_at, excluded.due_at) else payment_work.due_at end`

func accountObject(id tenancy.ID) string { return "account/" + string(id) }

// Intend implements outbox.Store.
func (s *Store) Intend(ctx context.Context, w outbox.Work, request string, now, leaseEnds time.Time) (r outbox.Request, err error) {
	err = s.underLease(ctx, w, func(tx pgx.Tx) error {
		if err := notTakenBack(ctx, tx, w); err != nil {
			return err
		}
		const insert = "insert into payment_requests (entry_id, tenant_id, step, intended_at) values ($1, $2, $3, $4) on conflict do nothing"
		tag, err := tx.Exec(ctx, insert, w.Object, w.Tenant, request, now)
		if err != nil {
			return fmt.Errorf("record request %s: %w", request, err)
		}
		if _, err := tx.Exec(ctx, "update payment_work set due_at = $2 where object_id = $1", w.Object, leaseEnds); err != nil {
			return fmt.Errorf("lengthen the lease of %s: %w", w.Object, err)
		}
		r, err = readRequest(ctx, tx, w, request)
		r.Earlier = tag.RowsAffected() == 0
		return err
	})
	return r, err
}

// notTakenBack holds the invoice of an entry as it stands until the transaction ends; an ErrTakenBack says that it is void.
func notTakenBack(ctx context.Context, tx pgx.Tx, w outbox.Work) error {
	const query = `
select i.status = 'void' from payment_entries e join invoices i on i.tenant_id = e.tenant_id and i.id = e.invoice_id
where e.tenant_id = $1 and e.id = $2 for share of i`
	var void bool
	if err := tx.QueryRow(ctx, query, w.Tenant, w.Object).Scan(&void); err != nil {
		return fmt.Errorf("look at the invoice of %s: %w", w.Object, err)
	}
	if void {
		return fmt.Errorf("%s: %w", w.Object, outbox.ErrTakenBack)
	}
	return nil
}

func readRequest(ctx context.Context, tx pgx.Tx, w outbox.Work, request string) (r outbox.Request, err error) {
	var result *string
	const query = "select generation, intended_at, doubtful, result from payment_requests where entry_id = $1 and step = $2"
	if err := tx.QueryRow(ctx, query, w.Object, request).Scan(&r.Generation, &r.IntendedAt, &r.Doubtful, &result); err != nil {
		return r, fmt.Errorf("read request %s: %w", request, err)
	}
	if result != nil {
		r.Result, r.Known = *result, true
	}
	return r, nil
}

// Again implements outbox.Store.
func (s *Store) Again(ctx context.Context, w outbox.Work, request string, now time.Time) (r outbox.Request, err error) {
	err = s.underLease(ctx, w, func(tx pgx.Tx) error {
		const update = "update payment_requests set generation = generation + 1, intended_at = $3, doubtful = false where entry_id = $1 and step = $2"
		if _, err := tx.Exec(ctx, update, w.Object, request, now); err != nil {
			return fmt.Errorf("record request %s again: %w", request, err)
		}
		r, err = readRequest(ctx, tx, w, request)
		return err
	})
	return r, err
}

// Doubt implements outbox.Store.
func (s *Store) Doubt(ctx context.Context, w outbox.Work, request string) error {
	return s.changeRequest(ctx, w, "update payment_requests set doubtful = true where entry_id = $1 and step = $2", request)
}

// Result implements outbox.Store.
func (s *Store) Result(ctx context.Context, w outbox.Work, request, result string) error {
	return s.changeRequest(ctx, w, "update payment_requests set result = $3 where entry_id = $1 and step = $2", request, result)
}

func (s *Store) changeRequest(ctx context.Context, w outbox.Work, statement, request string, args ...any) error {
	return s.underLease(ctx, w, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, statement, append([]any{w.Object, request}, args...)...); err != nil {
			return fmt.Errorf("record what came of request %s: %w", request, err)
		}
		return nil
	})
}
