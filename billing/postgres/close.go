package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/millwright-io/millwright/billing/invoice"
	"github.com/millwright-io/millwright/billing/rating"
	"github.com/millwright-io/millwright/tenancy"
)

const claimMonth = `
select tenant_id, period_start from billing_work
where period_start < @before and tenant_id >= @from and not (@skip and tenant_id = @from)
order by tenant_id limit 1
for update skip locked`

// CloseNext implements invoice.CloseStore. The claimed row stays locked until the invoice is there and the next month is the
// tenant's: of two processes, one closes the month; after a crash nothing of it is there.
func (s *Store) CloseNext(ctx context.Context, from tenancy.ID, skip bool, before time.Time, freeze func(invoice.Facts) (*invoice.Frozen, error)) (id tenancy.ID, err error) {
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		var start time.Time
		err := tx.QueryRow(ctx, claimMonth, pgx.NamedArgs{"from": from, "skip": skip, "before": before}).Scan(&id, &start)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("claim a month: %w", err)
		}
		return s.closeMonth(ctx, tx, id, rating.Month(start), freeze)
	})
	return id, err
}

// CloseFinal implements invoice.CloseStore.
func (s *Store) CloseFinal(ctx context.Context, id tenancy.ID, current rating.Period, freeze func(invoice.Facts, bool) (*invoice.Frozen, error)) error {
	for {
		over := false
		err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
			var start time.Time
			err := tx.QueryRow(ctx, "select period_start from billing_work where tenant_id = $1 for update", id).Scan(&start)
			if errors.Is(err, pgx.ErrNoRows) {
				return fmt.Errorf("tenant %s is not billed: %w", id, tenancy.ErrNotFound)
			}
			if err != nil {
				return fmt.Errorf("claim the last month of tenant %s: %w", id, err)
			}
			if over = start.After(current.Start); over {
				return nil
			}
			return s.closeMonth(ctx, tx, id, rating.Month(start), func(f invoice.Facts) (*invoice.Frozen, error) {
				return freeze(f, !start.Before(current.Start))
			})
		})
		if err != nil || over {
			return err
		}
	}
}

func (s *Store) closeMonth(ctx context.Context, tx pgx.Tx, id tenancy.ID, period rating.Period, freeze func(invoice.Facts) (*invoice.Frozen, error)) error {
	if err := become(ctx, tx, id); err != nil {
		return err
	}
	f, err := s.facts(ctx, tx, id, period)
	if err != nil {
		return err
	}
	frozen, err := freeze(f)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "update billing_work set period_start = $2 where tenant_id = $1", id, period.End); err != nil {
		return fmt.Errorf("begin the next month of tenant %s: %w", id, err)
	}
	if frozen == nil {
		return nil
	}
	return insertFrozen(ctx, tx, frozen)
}

// nextNumber waits for the other transactions that have taken one of the series and year: take it last.
const nextNumber = `
insert into billing_numbers (series, year, last) values (@series, @year, 1)
on conflict (series, year) do update set last = billing_numbers.last + 1
returning last`

const (
	seriesInvoice    = "invoice"
	seriesCreditNote = "credit_note"
)

func number(ctx context.Context, tx pgx.Tx, series string, at time.Time) (n int64, err error) {
	err = tx.QueryRow(ctx, nextNumber, pgx.NamedArgs{"series": series, "year": at.UTC().Year()}).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("take a number of the series %s: %w", series, err)
	}
	return n, nil
}

const insertInvoice = `
insert into invoices (id, tenant_id, number, period_start, period_end, final, tenant_name, currency, price_book, issued_at, due_at,
  subtotal_minor, tax_minor, total_minor, carried_minor, terms, sha256, status, status_at)
values (@id, @tenant, @number, @start, @end, @final, @name, @currency, @book, @issued, @due,
  @subtotal, @tax, @total, @carried, @terms, @sha256, @status, @issued)`

const insertLine = `
insert into invoice_lines (tenant_id, invoice_id, position, kind, period_start, period_end, plan, meter, quantity, included, parts,
  reference, reason, trial, amount_minor, snapshot_sha256)
values (@tenant, @invoice, @position, @kind, @start, @end, @plan, @meter, @quantity::numeric, @included::numeric, @parts,
  @reference, @reason, @trial, @amount, @snapshot)`

const insertAdjustment = `
insert into billing_adjustments (tenant_id, id, currency, amount_minor, reason, of_invoice, created_at)
values (@tenant, @id, @currency, @amount, @reason, nullif(@of, ''), @at)`

func insertFrozen(ctx context.Context, tx pgx.Tx, f *invoice.Frozen) error {
	i := &f.Invoice
	n, err := number(ctx, tx, seriesInvoice, i.IssuedAt)
	if err != nil {
		return err
	}
	i.Seal(fmt.Sprintf("%04d-%06d", i.IssuedAt.Year(), n))
	b := &pgx.Batch{}
	if err := queueInvoice(b, i); err != nil {
		return err
	}
	for _, s := range f.Snapshots {
		b.Queue("insert into usage_snapshots (tenant_id, sha256, canonical) values ($1, $2, $3) on conflict do nothing", i.Tenant, s.SHA256[:], s.Canonical)
	}
	for at, l := range i.Lines {
		if err := queueLine(b, i, at+1, l); err != nil {
			return err
		}
	}
	for _, a := range f.New {
		b.Queue(insertAdjustment, pgx.NamedArgs{
			"tenant": i.Tenant, "id": a.ID, "currency": a.Currency, "amount": int64(a.Amount), "reason": a.Reason, "of": a.Of, "at": i.IssuedAt,
		})
	}
	for _, credit := range slices.Sorted(maps.Keys(f.Used)) {
		b.Queue("insert into billing_credit_uses (tenant_id, credit_id, invoice_id, amount_minor) values ($1, $2, $3, $4)",
			i.Tenant, credit, i.ID, int64(f.Used[credit]))
	}
	b.Queue("update billing_adjustments set invoice_id = $2 where tenant_id = $1 and id = any($3) and invoice_id is null", i.Tenant, i.ID, f.Settled)
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("insert invoice of %s for %s: %w", i.Tenant, i.Period.Start.Format("2006-01"), err)
	}
	return nil
}

func queueInvoice(b *pgx.Batch, i *invoice.Invoice) error {
	terms, err := json.Marshal(i.Terms)
	if err != nil {
		return fmt.Errorf("write terms: %w", err)
	}
	b.Queue(insertInvoice, pgx.NamedArgs{
		"id": i.ID, "tenant": i.Tenant, "number": i.Number, "start": i.Period.Start, "end": i.Period.End, "final": i.Final, "name": i.TenantName,
		"currency": i.Currency, "book": i.Book, "issued": i.IssuedAt, "due": i.DueAt, "subtotal": int64(i.Subtotal), "tax": int64(i.Tax),
		"total": int64(i.Total), "carried": int64(i.Carried), "terms": terms, "sha256": i.SHA256[:], "status": i.Status,
	})
	return nil
}

func queueLine(b *pgx.Batch, i *invoice.Invoice, position int, l invoice.Line) error {
	parts, err := json.Marshal(l.Parts)
	if err != nil {
		return fmt.Errorf("write parts: %w", err)
	}
	args := pgx.NamedArgs{
		"tenant": i.Tenant, "invoice": i.ID, "position": position, "kind": l.Kind, "start": timeN(l.From), "end": timeN(l.To), "plan": l.Plan,
		"meter": l.Meter, "quantity": fmt.Sprint(l.Quantity), "included": fmt.Sprint(l.Included), "parts": parts,
		"reference": l.Reference, "reason": l.Reason, "trial": l.Trial, "amount": int64(l.Amount), "snapshot": nil,
	}
	if l.HasSnapshot() {
		args["snapshot"] = l.Snapshot[:]
	}
	b.Queue(insertLine, args)
	return nil
}
