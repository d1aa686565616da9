package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/millwright-io/millwright/billing/contract"
	"github.com/millwright-io/millwright/billing/rating"
	"github.com/millwright-io/millwright/billing/subscription"
	"github.com/millwright-io/millwright/tenancy"
)

// openMonth is the first month of a tenant that is not closed; nobody closes it until the transaction ends.
func openMonth(ctx context.Context, tx pgx.Tx, id tenancy.ID) (start time.Time, err error) {
	err = tx.QueryRow(ctx, "select period_start from billing_work where tenant_id = $1 for update", id).Scan(&start)
	if errors.Is(err, pgx.ErrNoRows) {
		return start, fmt.Errorf("there is no organisation %s: %w", id, tenancy.ErrNotFound)
	}
	if err != nil {
		return start, fmt.Errorf("read the open month of tenant %s: %w", id, err)
	}
	return start.UTC(), nil
}

// InsertContract keeps a contract that begins with a month which is not closed. Another currency than that of the month that goes on
// takes effect with the next one. check is asked with what the tenant pays by without it.
func (s *Store) InsertContract(
	ctx context.Context, id tenancy.ID, c contract.Contract, a contract.Author, now time.Time, check func(subscription.Subscription) error,
) error {
	terms, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("write contract: %w", err)
	}
	return s.inTenant(ctx, id, func(tx pgx.Tx) error {
		open, err := openMonth(ctx, tx, id)
		if err != nil {
			return err
		}
		current := rating.Month(now)
		sub, err := subscriptionOf(ctx, tx, id, current)
		if err != nil {
			return err
		}
		switch {
		case c.From.Before(open):
			return fmt.Errorf("start %s: months before %s are closed: %w", c.From.Format("2006-01"), open.Format("2006-01"), tenancy.ErrConflict)
		case c.Currency != sub.Currency && !c.From.After(current.Start):
			return fmt.Errorf("the month is billed in %s: a contract in %s begins with %s at the earliest: %w", sub.Currency, c.Currency,
				current.End.Format("2006-01"), tenancy.ErrConflict)
		}
		if err := check(sub); err != nil {
			return fmt.Errorf("contract in %s: %w", c.Currency, err)
		}
		_, err = tx.Exec(ctx, `insert into contracts (tenant_id, id, started_at, ended_at, currency, terms, created_at, created_by)
			values ($1, $2, $3, $4, $5, $6, $7, $8)`, id, c.ID, c.From, timeN(c.To), c.Currency, terms, now, a.Actor)
		if err := overlap(err); err != nil {
			return err
		}
		return appendOperator(ctx, tx, id, a, ofContract(c))
	})
}

// EndContract ends a contract with a month that is not closed.
func (s *Store) EndContract(ctx context.Context, id tenancy.ID, contractID string, end time.Time, a contract.Author) (c contract.Contract, err error) {
	err = s.inTenant(ctx, id, func(tx pgx.Tx) error {
		open, err := openMonth(ctx, tx, id)
		if err != nil {
			return err
		}
		if end.Before(open) {
			return fmt.Errorf("end %s: months before %s are closed: %w", end.Format("2006-01"), open.Format("2006-01"), tenancy.ErrConflict)
		}
		tag, err := tx.Exec(ctx, "update contracts set ended_at = greatest($3, started_at) where tenant_id = $1 and id = $2", id, contractID, end)
		if err := overlap(err); err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return fmt.Errorf("there is no contract %s: %w", contractID, tenancy.ErrNotFound)
		}
		if c, err = contractBy(ctx, tx, "where tenant_id = $1 and id = $2", id, contractID); err != nil {
			return err
		}
		return appendOperator(ctx, tx, id, a, ofContract(c))
	})
	return c, err
}

// ofContract is a contract as audit logs have it.
func ofContract(c contract.Contract) noted {
	told := map[string]time.Time{"start": c.From}
	if !c.To.IsZero() {
		told["end"] = c.To
	}
	return noted{object: "contract/" + c.ID, all: c, told: told}
}

// overlap says in our words that a contract overlaps another.
func overlap(err error) error {
	var pg *pgconn.PgError
	switch {
	case errors.As(err, &pg) && pg.Code == "23P01":
		return fmt.Errorf("%s: end that one first: %w", pg.Message, tenancy.ErrConflict)
	case err != nil:
		return fmt.Errorf("keep contract: %w", err)
	}
	return nil
}

const selectContract = "select id, started_at, ended_at, terms from contracts "

func scanContract(row pgx.CollectableRow) (c contract.Contract, err error) {
	var id string
	var from time.Time
	var to *time.Time
	var terms []byte
	if err := row.Scan(&id, &from, &to, &terms); err != nil {
		return c, err
	}
	if err := json.Unmarshal(terms, &c); err != nil {
		return c, fmt.Errorf("read contract %s: %w", id, err)
	}
	c.ID, c.From, c.To = id, from.UTC(), time0(to)
	return c, nil
}

// contractBy returns the contract of the condition; the zero value when there is none.
func contractBy(ctx context.Context, tx pgx.Tx, where string, args ...any) (contract.Contract, error) {
	rows, err := tx.Query(ctx, selectContract+where, args...)
	if err != nil {
		return contract.Contract{}, fmt.Errorf("read contract: %w", err)
	}
	c, err := pgx.CollectOneRow(rows, scanContract)
	if errors.Is(err, pgx.ErrNoRows) {
		return contract.Contract{}, nil
	}
	return c, err
}

// Contracts returns a tenant's, the newest first.
func (s *Store) Contracts(ctx context.Context, id tenancy.ID) (list []contract.Contract, err error) {
	err = s.inTenant(ctx, id, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, selectContract+"where tenant_id = $1 order by started_at desc, id limit 100", id)
		if err != nil {
			return fmt.Errorf("list contracts: %w", err)
		}
		list, err = pgx.CollectRows(rows, scanContract)
		return err
	})
	return list, err
}

// underContract adds the contract of a month to what a tenant pays by.
func underContract(ctx context.Context, tx pgx.Tx, s *subscription.Subscription, period rating.Period) error {
	c, err := contractBy(ctx, tx, "where tenant_id = $1 and started_at <= $2 and (ended_at is null or ended_at > $2)", s.Tenant, period.Start)
	if err != nil || c.ID == "" {
		return err
	}
	s.Contract, s.Currency = c, c.Currency
	return nil
}
