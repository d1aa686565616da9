package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/millwright-io/millwright/billing/outbox"
	"github.com/millwright-io/millwright/billing/payment"
	"github.com/millwright-io/millwright/tenancy"
)

const accountColumns = `tenant_id, customer, customer_name, generation, intended_at, card_brand, card_last4, card_month, card_year, adopt_card, cards, standing,
past_due_since, grace_ends, noticed`

func scanAccount(row pgx.Row, further ...any) (a payment.Account, err error) {
	var since, ends *time.Time
	err = row.Scan(append([]any{
		&a.Tenant, &a.Customer, &a.Name, &a.Generation, &a.IntendedAt, &a.Card.Brand, &a.Card.Last4, &a.Card.Month, &a.Card.Year, &a.Adopt, &a.Cards, &a.Standing, &since, &ends,
		&a.Noticed,
	}, further...)...)
	a.IntendedAt, a.PastDueSince, a.GraceEnds = a.IntendedAt.UTC(), time0(since), time0(ends)
	return a, err
}

// Account implements payment.Store.
func (s *Store) Account(ctx context.Context, id tenancy.ID) (a payment.Account, err error) {
	err = s.inTenant(ctx, id, func(tx pgx.Tx) error {
		a, err = scanAccount(tx.QueryRow(ctx, "select "+accountColumns+" from payment_accounts where tenant_id = $1", id))
		if errors.Is(err, pgx.ErrNoRows) {
			a = payment.Account{Tenant: id, Standing: payment.Good}
			return nil
		}
		if err != nil {
			return fmt.Errorf("read account of tenant %s: %w", id, err)
		}
		return nil
	})
	return a, err
}

// An account may outlive its tenant, which then has no name any more.
const intendCustomer = `
insert into payment_accounts (tenant_id, customer_name, intended_at)
select @id, coalesce((select name from tenants where id = @id), @id), @now
on conflict (tenant_id) do nothing`

// IntendCustomer implements outbox.Accounts.
func (s *Store) IntendCustomer(ctx context.Context, id tenancy.ID, now time.Time) (a payment.Account, earlier bool, err error) {
	err = s.inTenant(ctx, id, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, intendCustomer, pgx.NamedArgs{"id": id, "now": now})
		if err != nil {
			return fmt.Errorf("make account of tenant %s: %w", id, err)
		}
		earlier = tag.RowsAffected() == 0
		if a, err = scanAccount(tx.QueryRow(ctx, "select "+accountColumns+" from payment_accounts where tenant_id = $1", id)); err != nil {
			return fmt.Errorf("read account of tenant %s: %w", id, err)
		}
		return nil
	})
	return a, earlier, err
}

// CustomerAgain implements outbox.Accounts.
func (s *Store) CustomerAgain(ctx context.Context, id tenancy.ID, now time.Time) (a payment.Account, err error) {
	err = s.inTenant(ctx, id, func(tx pgx.Tx) error {
		const statement = "update payment_accounts set generation = generation + 1, intended_at = $2 where tenant_id = $1 and customer = '' returning " + accountColumns
		if a, err = scanAccount(tx.QueryRow(ctx, statement, id, now)); err != nil {
			return fmt.Errorf("ask for a customer of tenant %s again: %w", id, err)
		}
		return nil
	})
	return a, err
}

// SetCustomer implements outbox.Accounts.
func (s *Store) SetCustomer(ctx context.Context, id tenancy.ID, customer string) error {
	return s.execAccount(ctx, id, "note customer", "update payment_accounts set customer = $2 where tenant_id = $1 and customer in ('', $2)", customer)
}

// SetCard implements outbox.Accounts.
func (s *Store) SetCard(ctx context.Context, id tenancy.ID, c payment.Card, adopted bool, now time.Time) error {
	return s.inTenant(ctx, id, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, setCard, pgx.NamedArgs{"id": id, "brand": c.Brand, "last4": c.Last4, "month": c.Month, "year": c.Year, "adopted": adopted})
		if err != nil {
			return fmt.Errorf("note card of tenant %s: %w", id, err)
		}
		if !adopted {
			return nil
		}
		if _, err := tx.Exec(ctx, queueUnpaid, pgx.NamedArgs{"id": id, "now": now}); err != nil {
			return fmt.Errorf("queue what tenant %s has not paid: %w", id, err)
		}
		return nil
	})
}

const (
	setCard = `
update payment_accounts set card_brand = @brand, card_last4 = @last4, card_month = @month, card_year = @year,
  cards = cards + case when @adopted then 1 else 0 end, adopt_card = adopt_card and not @adopted
where tenant_id = @id`
	queueUnpaid = `
insert into payment_work (object_id, tenant_id, kind, due_at)
select id, tenant_id, 'entry', @now from payment_entries where tenant_id = @id and state in ('working', 'awaiting') order by id
` + ifQueued
)

func (s *Store) execAccount(ctx context.Context, id tenancy.ID, what, statement string, args ...any) error {
	return s.inTenant(ctx, id, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, statement, append([]any{id}, args...)...)
		if err == nil && tag.RowsAffected() == 0 {
			err = errors.New("the account is another one by now")
		}
		if err != nil {
			return fmt.Errorf("%s of tenant %s: %w", what, id, err)
		}
		return nil
	})
}

const (
	keepStanding = `
update payment_accounts set standing = @standing, past_due_since = @since, grace_ends = @ends, noticed = @noticed where tenant_id = @id`
	// Those who look after the money are told.
	selectReaders = "select email from members where tenant_id = $1 and role in ('owner', 'finance') order by email limit 50"
	insertLetter  = "insert into letters (id, tenant_id, recipient, subject, body, created_at) values ($1, $2, $3, $4, $5, $6)"
	queueLetter   = "insert into mail_outbox (tenant_id, kind, object_id, due_at) values ($1, 'letter', $2, $3)"
)

// Dun implements outbox.Accounts.
func (s *Store) Dun(ctx context.Context, w outbox.Work, a payment.Account, l payment.Letter, at time.Time) error {
	return s.underLease(ctx, w, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, keepStanding, pgx.NamedArgs{
			"id": a.Tenant, "standing": a.Standing, "since": timeN(a.PastDueSince), "ends": timeN(a.GraceEnds), "noticed": a.Noticed,
		})
		if err != nil {
			return fmt.Errorf("keep standing of tenant %s: %w", a.Tenant, err)
		}
		rows, err := tx.Query(ctx, selectReaders, a.Tenant)
		if err != nil {
			return fmt.Errorf("list who looks after the money of tenant %s: %w", a.Tenant, err)
		}
		readers, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return fmt.Errorf("list who looks after the money of tenant %s: %w", a.Tenant, err)
		}
		b := &pgx.Batch{}
		for _, reader := range readers {
			name := string(tenancy.NewID())
			b.Queue(insertLetter, name, a.Tenant, reader, l.Subject, l.Text, at)
			b.Queue(queueLetter, a.Tenant, name, at)
		}
		if err := tx.SendBatch(ctx, b).Close(); err != nil {
			return fmt.Errorf("leave letters for tenant %s: %w", a.Tenant, err)
		}
		return nil
	})
}

// SettleAccount implements outbox.Accounts.
func (s *Store) SettleAccount(ctx context.Context, w outbox.Work, due time.Time) error {
	return s.underLease(ctx, w, func(tx pgx.Tx) error { return release(ctx, tx, w, due) })
}
