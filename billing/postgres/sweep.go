package postgres

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/millwright-io/millwright/billing/money"
	"github.com/millwright-io/millwright/billing/payment"
	"github.com/millwright-io/millwright/tenancy"
)

// sweepPage is how many entries are made at once.
const sweepPage = 200

// BeginCollecting records from when on invoices are collected, on the clock of billing; what was recorded before stays.
func (s *Store) BeginCollecting(ctx context.Context, since time.Time) error {
	if _, err := s.pool.Exec(ctx, "insert into payment_collection (since) values ($1) on conflict do nothing", since); err != nil {
		return fmt.Errorf("record from when on invoices are collected: %w", err)
	}
	return nil
}

const (
	selectUncollected = `
select i.id, i.tenant_id from invoices i, payment_collection c
where i.status in ('open', 'past_due') and i.total_minor > 0 and i.issued_at >= c.since
  and not exists (select from payment_entries e where e.tenant_id = i.tenant_id and e.invoice_id = i.id)
order by i.issued_at, i.id limit $1`
	// Accounts whose standing the moment may change.
	queueOverdue = `
insert into payment_work (object_id, tenant_id, kind, due_at)
select 'account/' || tenant_id, tenant_id, 'account', @now from (
  select a.tenant_id from payment_accounts a
  where a.standing <> 'good' and (
    not exists (select from payment_entries e where e.tenant_id = a.tenant_id and e.payment = 'failed')
    or (a.standing = 'past_due' and a.grace_ends <= @billing)
    or (a.standing = 'past_due' and a.noticed = 'failed' and a.past_due_since + (a.grace_ends - a.past_due_since) / 2 <= @billing))
  union
  select e.tenant_id from payment_entries e join payment_accounts a on a.tenant_id = e.tenant_id and a.standing = 'good'
  where e.payment = 'failed') as changed
on conflict (object_id) do nothing`
)

// Sweep implements outbox.Accounts: invoices without an entry get one, and accounts whose standing the moment may change become due.
func (s *Store) Sweep(ctx context.Context, now, billing time.Time) (n int, err error) {
	type owed struct {
		invoice string
		tenant  tenancy.ID
	}
	var list []owed
	err = s.onPlatform(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, queueOverdue, pgx.NamedArgs{"now": now, "billing": billing})
		if err != nil {
			return fmt.Errorf("find who is overdue: %w", err)
		}
		n = int(tag.RowsAffected())
		rows, err := tx.Query(ctx, selectUncollected, sweepPage)
		if err != nil {
			return fmt.Errorf("find invoices to be collected: %w", err)
		}
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (o owed, err error) {
			err = row.Scan(&o.invoice, &o.tenant)
			return o, err
		})
		return err
	})
	if err != nil {
		return n, err
	}
	for _, o := range list {
		if err := s.collect(ctx, o.tenant, o.invoice, now); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

const insertEntry = `
insert into payment_entries (id, tenant_id, invoice_id, bill, created_at) values (@id, @tenant, @invoice, @bill, @now)
on conflict (tenant_id, invoice_id) do nothing`

// collect makes the entry of an invoice, once.
func (s *Store) collect(ctx context.Context, id tenancy.ID, invoice string, now time.Time) error {
	return s.inTenant(ctx, id, func(tx pgx.Tx) error {
		b, err := readBill(ctx, tx, id, invoice)
		if err != nil {
			return err
		}
		entry := string(tenancy.NewID())
		tag, err := tx.Exec(ctx, insertEntry, pgx.NamedArgs{"id": entry, "tenant": id, "invoice": invoice, "bill": b, "now": now})
		if err != nil {
			return fmt.Errorf("make the entry of invoice %s: %w", invoice, err)
		}
		if tag.RowsAffected() == 0 {
			return nil // another process made it
		}
		if _, err := tx.Exec(ctx, queueWork, pgx.NamedArgs{"object": entry, "tenant": id, "kind": "entry", "now": now}); err != nil {
			return fmt.Errorf("queue the entry of invoice %s: %w", invoice, err)
		}
		return nil
	})
}

// readBill takes an invoice in the provider's terms. Where its lines do not come to its total, as when a credit is carried over, one line stands
// for all.
func readBill(ctx context.Context, tx pgx.Tx, id tenancy.ID, invoice string) (b payment.Bill, err error) {
	var currency string
	const head = "select id, number, tenant_name, currency, total_minor from invoices where tenant_id = $1 and id = $2"
	if err := tx.QueryRow(ctx, head, id, invoice).Scan(&b.Invoice, &b.Number, &b.Name, &currency, &b.Total); err != nil {
		return b, fmt.Errorf("read invoice %s: %w", invoice, err)
	}
	b.Currency = money.Currency(currency)
	const lines = `
select kind, plan, meter, quantity::text, amount_minor, period_start, period_end from invoice_lines
where tenant_id = $1 and invoice_id = $2 and amount_minor <> 0 order by position`
	rows, err := tx.Query(ctx, lines, id, invoice)
	if err != nil {
		return b, fmt.Errorf("read lines of invoice %s: %w", invoice, err)
	}
	b.Lines, err = pgx.CollectRows(rows, scanLine)
	if err != nil {
		return b, fmt.Errorf("read lines of invoice %s: %w", invoice, err)
	}
	if b.Sum() != b.Total {
		b.Lines = []payment.Line{{Text: "Invoice " + b.Number, Amount: b.Total}}
	}
	return b.Fold(), nil
}

func scanLine(row pgx.CollectableRow) (payment.Line, error) {
	var kind, plan, meter, quantity string
	var amount int64
	var from, to *time.Time
	if err := row.Scan(&kind, &plan, &meter, &quantity, &amount, &from, &to); err != nil {
		return payment.Line{}, err
	}
	words := []string{strings.ReplaceAll(kind, "_", " ")}
	if plan != "" {
		words = append(words, "plan "+plan)
	}
	if meter != "" {
		words = append(words, quantity+" "+strings.ReplaceAll(meter, "_", " "))
	}
	if from != nil && to != nil {
		words = append(words, from.UTC().Format("2006-01-02")+" to "+to.UTC().Format("2006-01-02"))
	}
	return payment.Line{Text: strings.Join(words, ", "), Amount: amount}, nil
}
