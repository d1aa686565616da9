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

const selectBudget = `
select amount_minor, currency, actual_percents, forecast_percents, when_spent, when_credits_spent, throttle_events_per_second, set_by, set_at, revision
from budgets where tenant_id = $1`

// Budget implements budget.Store.
func (s *Store) Budget(ctx context.Context, id tenancy.ID) (b budget.Budget, err error) {
	err = s.inTenant(ctx, id, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, selectBudget, id).Scan(&b.Amount, &b.Currency, &b.ActualPercents, &b.ForecastPercents,
			&b.WhenSpent, &b.WhenCreditsSpent, &b.EventsPerSecond, &b.SetBy, &b.SetAt, &b.Revision)
		if errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("there is no budget: %w", tenancy.ErrNotFound)
		}
		if err != nil {
			return fmt.Errorf("read budget: %w", err)
		}
		b.SetAt = b.SetAt.UTC()
		return nil
	})
	return b, err
}

const upsertBudget = `
insert into budgets (tenant_id, amount_minor, currency, actual_percents, forecast_percents, when_spent, when_credits_spent,
  throttle_events_per_second, set_by, set_at)
values (@tenant, @amount, @currency, @actual, @forecast, @spent, @credits, @rate, @by, @at)
on conflict (tenant_id) do update set amount_minor = excluded.amount_minor, currency = excluded.currency,
  actual_percents = excluded.actual_percents, forecast_percents = excluded.forecast_percents, when_spent = excluded.when_spent,
  when_credits_spent = excluded.when_credits_spent, throttle_events_per_second = excluded.throttle_events_per_second,
  set_by = excluded.set_by, set_at = excluded.set_at, revision = budgets.revision + 1`

const dueBudget = `
insert into budget_work (tenant_id, due_at) values ($1, $2)
on conflict (tenant_id) do update set due_at = excluded.due_at`

// PutBudget implements budget.Store.
func (s *Store) PutBudget(ctx context.Context, id tenancy.ID, b budget.Budget, c budget.Change) error {
	return s.inTenant(ctx, id, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, upsertBudget, pgx.NamedArgs{
			"tenant": id, "amount": b.Amount, "currency": b.Currency, "actual": whole(b.ActualPercents), "forecast": whole(b.ForecastPercents),
			"spent": b.WhenSpent, "credits": b.WhenCreditsSpent, "rate": b.EventsPerSecond, "by": b.SetBy, "at": b.SetAt,
		})
		if err != nil {
			return fmt.Errorf("write budget: %w", err)
		}
		if _, err := tx.Exec(ctx, dueBudget, id, b.SetAt); err != nil {
			return fmt.Errorf("make budget due: %w", err)
		}
		return appendChange(ctx, tx, id, c)
	})
}

// whole is a list that the database takes for an empty one, not for none.
func whole(list []int) []int {
	if list == nil {
		return []int{}
	}
	return list
}

// DeleteBudget implements budget.Store.
func (s *Store) DeleteBudget(ctx context.Context, id tenancy.ID, c budget.Change) error {
	return s.inTenant(ctx, id, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, "delete from budgets where tenant_id = $1", id)
		if err == nil && tag.RowsAffected() == 0 {
			return fmt.Errorf("there is no budget: %w", tenancy.ErrNotFound)
		}
		b := &pgx.Batch{}
		b.Queue("delete from budget_holds where tenant_id = $1", id)
		b.Queue("delete from budget_work where tenant_id = $1", id)
		if err = errors.Join(err, tx.SendBatch(ctx, b).Close()); err != nil {
			return fmt.Errorf("delete budget: %w", err)
		}
		return appendChange(ctx, tx, id, c)
	})
}

// BudgetHold implements budget.Store.
func (s *Store) BudgetHold(ctx context.Context, id tenancy.ID) (h *budget.Hold, err error) {
	err = s.inTenant(ctx, id, func(tx pgx.Tx) error {
		h, err = readHold(ctx, tx, id)
		return err
	})
	return h, err
}

func readHold(ctx context.Context, tx pgx.Tx, id tenancy.ID) (*budget.Hold, error) {
	var h budget.Hold
	const query = "select action, basis, events_per_second, reason, since, until from budget_holds where tenant_id = $1"
	err := tx.QueryRow(ctx, query, id).Scan(&h.Action, &h.Basis, &h.EventsPerSecond, &h.Reason, &h.Since, &h.Until)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil //nolint:nilnil // nothing is held back
	}
	if err != nil {
		return nil, fmt.Errorf("read budget's hold: %w", err)
	}
	h.Since, h.Until = h.Since.UTC(), h.Until.UTC()
	return &h, nil
}

// BudgetNotices implements budget.Store.
func (s *Store) BudgetNotices(ctx context.Context, id tenancy.ID, since time.Time) (list []budget.Notice, err error) {
	err = s.inTenant(ctx, id, func(tx pgx.Tx) error {
		const query = `
select month, basis, percent, amount_minor, spent_minor, currency, created_at from budget_notices
where tenant_id = $1 and created_at >= $2 order by created_at desc, basis, percent desc limit 1000`
		rows, err := tx.Query(ctx, query, id, since)
		if err != nil {
			return fmt.Errorf("read budget's notices: %w", err)
		}
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (n budget.Notice, err error) {
			err = row.Scan(&n.Month, &n.Basis, &n.Percent, &n.Amount, &n.Spent, &n.Currency, &n.CreatedAt)
			n.Month, n.CreatedAt = n.Month.UTC(), n.CreatedAt.UTC()
			return n, err
		})
		return err
	})
	return list, err
}

// DueBudgets implements budget.Store.
func (s *Store) DueBudgets(ctx context.Context, now time.Time, most int) ([]tenancy.ID, error) {
	rows, err := s.pool.Query(ctx, "select tenant_id from budget_work where due_at <= $1 order by due_at limit $2", now, most)
	if err != nil {
		return nil, fmt.Errorf("find budgets that are due: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowTo[tenancy.ID])
}
