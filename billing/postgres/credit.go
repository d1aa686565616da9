package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/millwright-io/millwright/billing/contract"
	"github.com/millwright-io/millwright/billing/invoice"
	"github.com/millwright-io/millwright/billing/money"
	"github.com/millwright-io/millwright/billing/rating"
	"github.com/millwright-io/millwright/tenancy"
)

// InsertCredit keeps what a tenant paid in advance.
func (s *Store) InsertCredit(ctx context.Context, id tenancy.ID, c contract.Credit, a contract.Author) error {
	return s.inTenant(ctx, id, func(tx pgx.Tx) error {
		if _, err := openMonth(ctx, tx, id); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `insert into billing_credits (tenant_id, id, currency, amount_minor, granted_at, expires_at, reason, granted_by)
			values ($1, $2, $3, $4, $5, $6, $7, $8)`, id, c.ID, c.Currency, int64(c.Amount), c.GrantedAt, c.ExpiresAt, c.Reason, c.GrantedBy)
		if err != nil {
			return fmt.Errorf("grant credit: %w", err)
		}
		return appendOperator(ctx, tx, id, a, noted{object: "credit/" + c.ID, all: c, told: map[string]time.Time{"expires_at": c.ExpiresAt}})
	})
}

// What a void invoice used is there again.
const selectCredits = `
select c.id, c.currency, c.amount_minor, c.granted_at, c.expires_at, c.reason, c.granted_by,
  c.amount_minor - coalesce((select sum(u.amount_minor) from billing_credit_uses u join invoices i on i.id = u.invoice_id
    where u.tenant_id = c.tenant_id and u.credit_id = c.id and i.status <> 'void'), 0)::bigint
from billing_credits c where c.tenant_id = $1 order by c.expires_at, c.id limit 1000`

func creditsOf(ctx context.Context, tx pgx.Tx, id tenancy.ID) ([]contract.Credit, error) {
	rows, err := tx.Query(ctx, selectCredits, id)
	if err != nil {
		return nil, fmt.Errorf("list credits: %w", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (c contract.Credit, err error) {
		err = row.Scan(&c.ID, &c.Currency, &c.Amount, &c.GrantedAt, &c.ExpiresAt, &c.Reason, &c.GrantedBy, &c.Left)
		c.GrantedAt, c.ExpiresAt = c.GrantedAt.UTC(), c.ExpiresAt.UTC()
		return c, err
	})
}

// Credits returns a tenant's, the first to expire first.
func (s *Store) Credits(ctx context.Context, id tenancy.ID) (list []contract.Credit, err error) {
	err = s.inTenant(ctx, id, func(tx pgx.Tx) error {
		list, err = creditsOf(ctx, tx, id)
		return err
	})
	return list, err
}

// InsertCoupon makes a coupon; a code that there is already is an ErrExists.
func (s *Store) InsertCoupon(ctx context.Context, c contract.Coupon, a contract.Author, now time.Time) error {
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if err := insertCoupon(ctx, tx, c, a.Actor, now); err != nil {
			return err
		}
		return appendPlatform(ctx, tx, a, "coupon/"+c.Code, c)
	})
}

func insertCoupon(ctx context.Context, tx pgx.Tx, c contract.Coupon, by string, now time.Time) error {
	_, err := tx.Exec(ctx, `insert into coupons (code, percent, amount_minor, currency, months, created_at, created_by)
		values ($1, $2, $3, $4, $5, $6, $7)`, c.Code, c.Percent.String(), int64(c.Amount), c.Currency, c.Months, now, by)
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == "23505" {
		return fmt.Errorf("there is a coupon %s: %w", c.Code, tenancy.ErrExists)
	}
	if err != nil {
		return fmt.Errorf("make coupon: %w", err)
	}
	return nil
}

// Coupons returns every coupon.
func (s *Store) Coupons(ctx context.Context) ([]contract.Coupon, error) {
	rows, err := s.pool.Query(ctx, "select code, percent, amount_minor, currency, months from coupons order by code limit 1000")
	if err != nil {
		return nil, fmt.Errorf("list coupons: %w", err)
	}
	return pgx.CollectRows(rows, scanCoupon)
}

func scanCoupon(row pgx.CollectableRow) (c contract.Coupon, err error) {
	var percent string
	if err := row.Scan(&c.Code, &percent, &c.Amount, &c.Currency, &c.Months); err != nil {
		return c, err
	}
	c.Percent, err = money.ParsePrice(percent)
	return c, err
}

// GiveCoupon gives a tenant a coupon from its open month on; once.
func (s *Store) GiveCoupon(ctx context.Context, id tenancy.ID, code string, a contract.Author, now time.Time) (first time.Time, err error) {
	err = s.inTenant(ctx, id, func(tx pgx.Tx) error {
		if first, err = openMonth(ctx, tx, id); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "insert into coupon_grants (tenant_id, code, first_month, granted_at, granted_by) values ($1, $2, $3, $4, $5)", id, code, first, now, a.Actor)
		var pg *pgconn.PgError
		switch {
		case errors.As(err, &pg) && pg.Code == "23505":
			return fmt.Errorf("the organisation had the coupon %s already: %w", code, tenancy.ErrExists)
		case errors.As(err, &pg) && pg.Code == "23503":
			return fmt.Errorf("there is no coupon %s: %w", code, tenancy.ErrNotFound)
		case err != nil:
			return fmt.Errorf("give coupon: %w", err)
		}
		from := map[string]time.Time{"first_month": first}
		return appendOperator(ctx, tx, id, a, noted{object: "coupon/" + code, toldObject: "coupon", all: from, told: from})
	})
	return first, err
}

// couponsOf are those that a tenant has in a month.
func couponsOf(ctx context.Context, tx pgx.Tx, id tenancy.ID, period rating.Period) ([]rating.Coupon, error) {
	rows, err := tx.Query(ctx, `select c.code, c.percent, c.amount_minor, c.currency, c.months from coupon_grants g join coupons c on c.code = g.code
		where g.tenant_id = $1 and g.first_month <= $2 and g.first_month at time zone 'UTC' + make_interval(months => c.months) > $2 at time zone 'UTC'`, id, period.Start)
	if err != nil {
		return nil, fmt.Errorf("read coupons of tenant %s: %w", id, err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (rating.Coupon, error) {
		c, err := scanCoupon(row)
		return rating.Coupon{Code: c.Code, Percent: c.Percent, Amount: c.Amount, Currency: c.Currency}, err
	})
}

// What was settled by an invoice that is void is open again.
const reopenAdjustments = `
insert into billing_adjustments (tenant_id, id, currency, amount_minor, reason, created_at)
select tenant_id, 'void/' || $2 || '/' || row_number() over (order by id), currency, amount_minor, reason, $3
from billing_adjustments where tenant_id = $1 and invoice_id = $2`

// IssueCreditNote takes an invoice back. All of an unpaid one makes it void; any other amount is an adjustment of the next bill.
func (s *Store) IssueCreditNote(ctx context.Context, id tenancy.ID, reference string, n invoice.Note, a contract.Author) (note invoice.Note, i invoice.Invoice, err error) {
	err = s.inTenant(ctx, id, func(tx pgx.Tx) error {
		if err := lockCharged(ctx, tx, id, reference); err != nil {
			return err
		}
		if i, err = invoiceOf(ctx, tx, id, reference); err != nil {
			return err
		}
		left := i.Total
		for _, earlier := range i.Notes {
			left -= earlier.Amount
		}
		if i.Status == invoice.StatusVoid || n.Amount > left {
			return fmt.Errorf("invoice %s is %s, of it %s are left to be taken back: %w", i.Number, i.Status, left.In(i.Currency), tenancy.ErrConflict)
		}
		if err := settleNote(ctx, tx, i, n); err != nil {
			return err
		}
		serial, err := number(ctx, tx, seriesCreditNote, n.IssuedAt)
		if err != nil {
			return err
		}
		n.Number, n.Invoice = fmt.Sprintf("CN-%04d-%06d", n.IssuedAt.UTC().Year(), serial), i.ID
		_, err = tx.Exec(ctx, `insert into credit_notes (tenant_id, number, invoice_id, amount_minor, reason, issued_at, issued_by)
			values ($1, $2, $3, $4, $5, $6, $7)`, id, n.Number, i.ID, int64(n.Amount), n.Reason, n.IssuedAt, n.IssuedBy)
		if err != nil {
			return fmt.Errorf("issue credit note: %w", err)
		}
		note = n
		if i, err = invoiceOf(ctx, tx, id, reference); err != nil {
			return err
		}
		return appendOperator(ctx, tx, id, a, noted{
			object: "credit-note/" + n.Number, told: map[string]string{"invoice": i.Number},
			all: map[string]any{"invoice": i.Number, "amount_minor": int64(n.Amount), "reason": n.Reason},
		})
	})
	return note, i, err
}

func settleNote(ctx context.Context, tx pgx.Tx, i invoice.Invoice, n invoice.Note) error {
	if i.Status.Unpaid() && n.Amount == i.Total {
		if err := callOff(ctx, tx, i); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "update invoices set status = 'void', status_at = $3 where tenant_id = $1 and id = $2", i.Tenant, i.ID, n.IssuedAt); err != nil {
			return fmt.Errorf("make invoice %s void: %w", i.Number, err)
		}
		if _, err := tx.Exec(ctx, reopenAdjustments, i.Tenant, i.ID, n.IssuedAt); err != nil {
			return fmt.Errorf("open the corrections on invoice %s again: %w", i.Number, err)
		}
		return nil
	}
	_, err := tx.Exec(ctx, insertAdjustment, pgx.NamedArgs{
		"tenant": i.Tenant, "id": fmt.Sprintf("note/%s/%d", i.ID, len(i.Notes)+1), "currency": i.Currency, "amount": -int64(n.Amount),
		"reason": "credit note on invoice " + i.Number + ": " + n.Reason, "of": "", "at": n.IssuedAt,
	})
	if err != nil {
		return fmt.Errorf("correct the next bill: %w", err)
	}
	return nil
}

func notesOf(ctx context.Context, tx pgx.Tx, i invoice.Invoice) ([]invoice.Note, error) {
	rows, err := tx.Query(ctx, `select number, invoice_id, issued_at, amount_minor, reason, issued_by from credit_notes
		where tenant_id = $1 and invoice_id = $2 order by number`, i.Tenant, i.ID)
	if err != nil {
		return nil, fmt.Errorf("read credit notes of invoice %s: %w", i.Number, err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (n invoice.Note, err error) {
		err = row.Scan(&n.Number, &n.Invoice, &n.IssuedAt, &n.Amount, &n.Reason, &n.IssuedBy)
		n.IssuedAt = n.IssuedAt.UTC()
		return n, err
	})
}
