package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/millwright-io/millwright/billing/budget"
	"github.com/millwright-io/millwright/tenancy"
)

// SettleBudget implements budget.Store. The row of the budget is locked, so that of two that look at it one tells.
func (s *Store) SettleBudget(ctx context.Context, id tenancy.ID, revision int64, st budget.Settlement) error {
	return s.inTenant(ctx, id, func(tx pgx.Tx) error {
		var now int64
		err := tx.QueryRow(ctx, "select revision from budgets where tenant_id = $1 for update", id).Scan(&now)
		if errors.Is(err, pgx.ErrNoRows) || err == nil && now != revision {
			return nil // who changed it has it looked at again
		}
		if err != nil {
			return fmt.Errorf("lock budget: %w", err)
		}
		if err := tellOfBudget(ctx, tx, id, st); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, dueBudget, id, st.Next); err != nil {
			return fmt.Errorf("put budget off: %w", err)
		}
		return holdBack(ctx, tx, id, st)
	})
}

const insertBudgetNotice = `
insert into budget_notices (tenant_id, month, basis, percent, amount_minor, spent_minor, currency, created_at)
values (@tenant, @month, @basis, @percent, @amount, @spent, @currency, @at)
on conflict do nothing`

// tellOfBudget keeps the notices that are new and queues an e-mail of each to whoever reads money.
func tellOfBudget(ctx context.Context, tx pgx.Tx, id tenancy.ID, st budget.Settlement) error {
	var fresh []budget.Notice
	for _, n := range st.Due {
		tag, err := tx.Exec(ctx, insertBudgetNotice, pgx.NamedArgs{
			"tenant": id, "month": n.Month, "basis": n.Basis, "percent": n.Percent, "amount": n.Amount, "spent": n.Spent,
			"currency": n.Currency, "at": n.CreatedAt,
		})
		if err != nil {
			return fmt.Errorf("write budget's notice: %w", err)
		}
		if tag.RowsAffected() > 0 {
			fresh = append(fresh, n)
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	var organisation string
	if err := tx.QueryRow(ctx, "select name from tenants where id = $1", id).Scan(&organisation); err != nil {
		return fmt.Errorf("read organisation's name: %w", err)
	}
	const query = "select email from members where tenant_id = $1 and role in ('owner', 'admin', 'finance') order by email limit 100"
	rows, err := tx.Query(ctx, query, id)
	if err != nil {
		return fmt.Errorf("list who reads money: %w", err)
	}
	readers, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("list who reads money: %w", err)
	}
	b := &pgx.Batch{}
	for _, n := range fresh {
		l := st.Write(organisation, n)
		for _, to := range readers {
			name := string(tenancy.NewID())
			b.Queue(insertLetter, name, id, to, l.Subject, l.Text, n.CreatedAt)
			// The courier goes by the time of day, not by the billing clock.
			b.Queue(queueLetter, id, name, time.Now())
		}
	}
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("queue e-mails: %w", err)
	}
	return nil
}

const upsertHold = `
insert into budget_holds (tenant_id, action, basis, events_per_second, reason, since, until)
values (@tenant, @action, @basis, @rate, @reason, @since, @until)
on conflict (tenant_id) do update set action = excluded.action, basis = excluded.basis, events_per_second = excluded.events_per_second,
  reason = excluded.reason, since = excluded.since, until = excluded.until`

// holdBack makes the hold what it is to be; a trigger tells the tenant's cell when that changes anything.
func holdBack(ctx context.Context, tx pgx.Tx, id tenancy.ID, st budget.Settlement) error {
	before, err := readHold(ctx, tx, id)
	if err != nil || before.Same(st.Hold) {
		return err
	}
	if h := st.Hold; h == nil {
		_, err = tx.Exec(ctx, "delete from budget_holds where tenant_id = $1", id)
	} else {
		_, err = tx.Exec(ctx, upsertHold, pgx.NamedArgs{
			"tenant": id, "action": h.Action, "basis": h.Basis, "rate": h.EventsPerSecond, "reason": h.Reason, "since": h.Since, "until": h.Until,
		})
	}
	if err != nil {
		return fmt.Errorf("hold events back: %w", err)
	}
	return appendChange(ctx, tx, id, st.Held(before, st.Hold))
}

// appendChange writes an entry of the tenant's audit log, which the database numbers and hashes. Do it last.
func appendChange(ctx context.Context, tx pgx.Tx, id tenancy.ID, c budget.Change) error {
	_, err := tx.Exec(ctx, insertTenantEntry, pgx.NamedArgs{
		"tenant": id, "object": "budget", "actor": c.Actor, "action": c.Action, "before": c.Before, "after": c.After, "remote": c.RemoteAddress, "request": c.RequestID,
	})
	if err != nil {
		return fmt.Errorf("append audit entry: %w", err)
	}
	return nil
}
