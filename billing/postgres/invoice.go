package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/millwright-io/millwright/billing/invoice"
	"github.com/millwright-io/millwright/tenancy"
)

const selectInvoice = `
select id, tenant_id, number, period_start, period_end, final, tenant_name, currency, price_book, issued_at, due_at, subtotal_minor, tax_minor,
  total_minor, carried_minor, terms, sha256, status, status_at, payment_reference
from invoices `

func scanInvoice(row pgx.CollectableRow) (i invoice.Invoice, err error) {
	var terms, hash []byte
	err = row.Scan(&i.ID, &i.Tenant, &i.Number, &i.Period.Start, &i.Period.End, &i.Final, &i.TenantName, &i.Currency, &i.Book, &i.IssuedAt, &i.DueAt,
		&i.Subtotal, &i.Tax, &i.Total, &i.Carried, &terms, &hash, &i.Status, &i.StatusAt, &i.PaymentReference)
	if err != nil {
		return i, err
	}
	i.Period.Start, i.Period.End = i.Period.Start.UTC(), i.Period.End.UTC()
	i.IssuedAt, i.DueAt, i.StatusAt = i.IssuedAt.UTC(), i.DueAt.UTC(), i.StatusAt.UTC()
	i.SHA256 = [32]byte(hash)
	if err := json.Unmarshal(terms, &i.Terms); err != nil {
		return i, fmt.Errorf("read terms of invoice %s: %w", i.Number, err)
	}
	return i, nil
}

// Invoices implements invoice.Store.
func (s *Store) Invoices(ctx context.Context, id tenancy.ID, before time.Time, limit int) (list []invoice.Invoice, err error) {
	err = s.inTenant(ctx, id, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, selectInvoice+`where tenant_id = $1 and ($2::timestamptz is null or period_start < $2)
			order by period_start desc limit $3`, id, timeN(before), limit)
		if err != nil {
			return fmt.Errorf("list invoices: %w", err)
		}
		list, err = pgx.CollectRows(rows, scanInvoice)
		return err
	})
	return list, err
}

// Invoice implements invoice.Store.
func (s *Store) Invoice(ctx context.Context, id tenancy.ID, reference string) (i invoice.Invoice, err error) {
	err = s.inTenant(ctx, id, func(tx pgx.Tx) error {
		i, err = invoiceOf(ctx, tx, id, reference)
		return err
	})
	return i, err
}

func invoiceOf(ctx context.Context, tx pgx.Tx, id tenancy.ID, reference string) (i invoice.Invoice, err error) {
	rows, err := tx.Query(ctx, selectInvoice+"where tenant_id = $1 and (id = $2 or number = $2)", id, reference)
	if err != nil {
		return i, fmt.Errorf("read invoice: %w", err)
	}
	if i, err = pgx.CollectExactlyOneRow(rows, scanInvoice); errors.Is(err, pgx.ErrNoRows) {
		return i, fmt.Errorf("there is no invoice %.40s: %w", reference, tenancy.ErrNotFound)
	}
	if err != nil {
		return i, fmt.Errorf("read invoice: %w", err)
	}
	if i.Lines, err = linesOf(ctx, tx, i); err != nil {
		return i, err
	}
	i.Notes, err = notesOf(ctx, tx, i)
	return i, err
}

const selectLines = `
select kind, period_start, period_end, plan, meter, quantity::text, included::text, parts, reference, reason, trial, amount_minor, snapshot_sha256
from invoice_lines where tenant_id = $1 and invoice_id = $2 order by position`

func linesOf(ctx context.Context, tx pgx.Tx, i invoice.Invoice) ([]invoice.Line, error) {
	rows, err := tx.Query(ctx, selectLines, i.Tenant, i.ID)
	if err != nil {
		return nil, fmt.Errorf("read lines of invoice %s: %w", i.Number, err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (l invoice.Line, err error) {
		var from, to *time.Time
		var quantity, included string
		var parts, snapshot []byte
		err = row.Scan(&l.Kind, &from, &to, &l.Plan, &l.Meter, &quantity, &included, &parts, &l.Reference, &l.Reason, &l.Trial, &l.Amount, &snapshot)
		if err != nil {
			return l, err
		}
		l.From, l.To = time0(from), time0(to)
		if l.Quantity, err = strconv.ParseUint(quantity, 10, 64); err != nil {
			return l, err
		}
		if l.Included, err = strconv.ParseUint(included, 10, 64); err != nil {
			return l, err
		}
		if len(snapshot) == len(l.Snapshot) {
			l.Snapshot = [32]byte(snapshot)
		}
		return l, json.Unmarshal(parts, &l.Parts)
	})
}

// Snapshot implements invoice.Store.
func (s *Store) Snapshot(ctx context.Context, id tenancy.ID, hash [32]byte) (snapshot invoice.Snapshot, err error) {
	snapshot.SHA256 = hash
	err = s.inTenant(ctx, id, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, "select canonical from usage_snapshots where tenant_id = $1 and sha256 = $2", id, hash[:]).Scan(&snapshot.Canonical)
		if errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("there is no snapshot %x: %w", hash, tenancy.ErrNotFound)
		}
		if err != nil {
			return fmt.Errorf("read snapshot %x: %w", hash, err)
		}
		return nil
	})
	return snapshot, err
}

// SetStatus notes how an invoice stands, and what the collector of payments calls it, if that is known. A status that cannot follow the
// one before is an ErrConflict; the same one again changes nothing.
func (s *Store) SetStatus(ctx context.Context, id tenancy.ID, invoiceID string, to invoice.Status, paymentReference string, at time.Time) error {
	return s.inTenant(ctx, id, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `update invoices set status = $3, status_at = case when status = $3 then status_at else $4 end,
			payment_reference = coalesce(nullif($5, ''), payment_reference) where tenant_id = $1 and id = $2`, id, invoiceID, to, at, paymentReference)
		if frozen(err) {
			return fmt.Errorf("%s: %w", refusal(err), tenancy.ErrConflict)
		}
		if err != nil {
			return fmt.Errorf("set status of invoice %s: %w", invoiceID, err)
		}
		if tag.RowsAffected() == 0 {
			return fmt.Errorf("there is no invoice %s: %w", invoiceID, tenancy.ErrNotFound)
		}
		return nil
	})
}

// frozen reports whether the database refused to change what does not change.
func frozen(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "23000"
}

// refusal is what the database says.
func refusal(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Message
	}
	return err.Error()
}
