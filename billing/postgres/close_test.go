package postgres_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/millwright-io/millwright/billing"
	"github.com/millwright-io/millwright/billing/invoice"
	"github.com/millwright-io/millwright/billing/money"
	"github.com/millwright-io/millwright/billing/postgres"
	"github.com/millwright-io/millwright/billing/price"
	"github.com/millwright-io/millwright/billing/rating"
	"github.com/millwright-io/millwright/migrations"
	"github.com/millwright-io/millwright/migrations/pgtest"
	"github.com/millwright-io/millwright/tenancy"
)

// books is a database with tenants, as its owner and as the application.
type books struct {
	*postgres.Store
	owner *pgxpool.Pool
	log   *slog.Logger
}

func openBooks(t *testing.T) books {
	t.Helper()
	cfg, err := pgxpool.ParseConfig(pgtest.New(t))
	if err != nil {
		t.Fatal(err)
	}
	owner, err := pgxpool.NewWithConfig(t.Context(), cfg.Copy())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(owner.Close)
	cfg.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, "set role "+migrations.AppRole)
		return err
	}
	pool, err := pgxpool.NewWithConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return books{postgres.New(pool), owner, slog.New(slog.DiscardHandler)}
}

func (b books) exec(t *testing.T, statement string, args ...any) {
	t.Helper()
	if _, err := b.owner.Exec(t.Context(), statement, args...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func (b books) count(t *testing.T, query string, args ...any) (n int) {
	t.Helper()
	if err := b.owner.QueryRow(t.Context(), query, args...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

// tenant founds a tenant on the plan that has no trial left in November 2026.
func (b books) tenant(t *testing.T, plan string, founded time.Time) tenancy.ID {
	t.Helper()
	id := tenancy.NewID()
	b.exec(t, "insert into tenants (id, name, slug, status, plan, cell, created_at) values ($1, 'Works', 'slug-' || $1, 'active', $2, 'eu', $3)", id, plan, founded)
	b.exec(t, "insert into placements values ($1, 'eu')", id)
	b.exec(t, "update billing_work set period_start = greatest(period_start, '2026-11-01 00:00:00+00') where tenant_id = $1", id)
	return id
}

func (b books) use(t *testing.T, id tenancy.ID, at time.Time, m billing.Meter, value, version uint64) {
	t.Helper()
	refused, err := b.Record(t.Context(), "eu", []billing.Total{{Tenant: id, Cell: "eu", Hour: at, Meter: m, Value: value, Version: version}}, nil)
	if err != nil || refused != nil {
		t.Fatal(err, refused)
	}
}

func (b books) closer(t *testing.T, now time.Time) *invoice.Closer {
	t.Helper()
	loaded, err := price.Load()
	if err != nil {
		t.Fatal(err)
	}
	return invoice.NewCloser(loaded, b.Store, invoice.Closing{Grace: 24 * time.Hour, PayIn: 14 * 24 * time.Hour, Every: time.Minute}, b.log, func() time.Time { return now })
}

func (b books) only(t *testing.T, id tenancy.ID) invoice.Invoice {
	t.Helper()
	list, err := b.Invoices(t.Context(), id, time.Time{}, 10)
	if err != nil || len(list) == 0 {
		t.Fatalf("%d invoices, %v", len(list), err)
	}
	i, err := b.Invoice(t.Context(), id, list[0].Number)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

var (
	long  = time.Date(2026, 1, 5, 12, 30, 0, 0, time.UTC)
	after = time.Date(2026, 12, 2, 0, 0, 1, 0, time.UTC)
	noon  = time.Date(2026, 11, 10, 12, 0, 0, 0, time.UTC)
)

func TestAMonthIsClosedWhenItsGraceIsOver(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	id := b.tenant(t, "team", long)
	b.use(t, id, noon, billing.MeterEvents, 150_000_000, 1)
	b.use(t, id, noon.AddDate(0, 1, 0), billing.MeterEvents, 5_000_000_000, 1)
	if n := b.closer(t, after.Add(-2*time.Second)).Round(t.Context()); n != 0 {
		t.Errorf("%d months were closed before the grace was over", n)
	}
	if n := b.closer(t, after).Round(t.Context()); n != 1 {
		t.Fatalf("%d months were closed", n)
	}
	if n := b.closer(t, after.Add(time.Hour)).Round(t.Context()); n != 0 {
		t.Errorf("%d months were closed again", n)
	}
	i := b.only(t, id)
	if i.Number != "2026-000001" || i.Total != 9000+1000 || i.Status != invoice.StatusOpen || i.Due() != 10_000 || !i.DueAt.Equal(after.AddDate(0, 0, 14)) {
		t.Errorf("%+v", i)
	}
	if i.Period != rating.Month(noon) || i.TenantName != "Works" || i.Book != "2026-11" {
		t.Errorf("%+v", i)
	}
	if sha256.Sum256(i.Canonical()) != i.SHA256 {
		t.Errorf("the hash is not that of the text:\n%s", i.Canonical())
	}
	at := slices.IndexFunc(i.Lines, func(l invoice.Line) bool { return l.Kind == rating.KindUsage && l.Meter == billing.MeterEvents })
	snapshot, err := b.Snapshot(t.Context(), id, i.Lines[at].Snapshot)
	if err != nil {
		t.Fatal(err)
	}
	u, err := snapshot.Read()
	if err != nil || u.Total() != i.Lines[at].Quantity || len(u.Hours) != 1 || !u.Hours[0].Hour.Equal(noon) || u.Tenant != id {
		t.Errorf("%+v, %v", u, err)
	}
}

func TestWhatWasFrozenDoesNotChange(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	id := b.tenant(t, "team", long)
	b.closer(t, after).Round(t.Context())
	i := b.only(t, id)
	for _, statement := range []string{
		"update invoices set total_minor = 1", "update invoices set issued_at = now()", "delete from invoices", "update invoice_lines set amount_minor = 1",
		"delete from invoice_lines", "update usage_snapshots set canonical = ''", "delete from usage_snapshots", "truncate invoices cascade",
		"update invoices set id = '" + string(tenancy.NewID()) + "'", "update invoices set terms = '{}'",
	} {
		if _, err := b.owner.Exec(t.Context(), statement); err == nil || !strings.Contains(err.Error(), "frozen") {
			t.Errorf("%s: %v", statement, err)
		}
	}
	for _, to := range []invoice.Status{invoice.StatusPastDue, invoice.StatusPaid, invoice.StatusPaid} {
		if err := b.SetStatus(t.Context(), id, i.ID, to, "ref", after); err != nil {
			t.Errorf("%s: %v", to, err)
		}
	}
	if err := b.SetStatus(t.Context(), id, i.ID, invoice.StatusOpen, "", after); !errors.Is(err, tenancy.ErrConflict) {
		t.Errorf("paid, then open: %v", err)
	}
	if err := b.SetStatus(t.Context(), tenancy.NewID(), i.ID, invoice.StatusVoid, "", after); !errors.Is(err, tenancy.ErrNotFound) {
		t.Errorf("another tenant's: %v", err)
	}
	if again := b.only(t, id); again.SHA256 != i.SHA256 || again.Status != invoice.StatusPaid || again.PaymentReference != "ref" || sha256.Sum256(again.Canonical()) != i.SHA256 {
		t.Errorf("%+v", again)
	}
}

// TestManyCloseAtOnce has several processes close the months of many tenants at the same time, some of which are cut off in
// between: each month has one invoice, and numbers have no gap.
func TestManyCloseAtOnce(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	const tenants, months = 12, 3
	for range tenants {
		b.use(t, b.tenant(t, "team", long), noon, billing.MeterEvents, 200_000_000, 1)
	}
	now := after.AddDate(0, months-1, 0)
	loaded, err := price.Load()
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for n := range 4 {
		all.Go(func() { b.closer(t, now).Round(t.Context()) })
		all.Go(func() { // this one fails after the bill was made, and is cut off while it writes
			for range 5 {
				ctx, cancel := context.WithCancel(t.Context())
				_, _ = b.CloseNext(ctx, "", false, rating.Month(now).Start, func(f invoice.Facts) (*invoice.Frozen, error) {
					if n%2 == 0 {
						return nil, errors.New("it fails")
					}
					frozen, err := invoice.Freeze(loaded, f, now, time.Hour, false)
					cancel()
					return frozen, err
				})
				cancel()
			}
		})
	}
	all.Wait()
	b.closer(t, now).Round(t.Context())
	if n := b.count(t, "select count(*) from invoices"); n != tenants*months {
		t.Errorf("%d invoices, want %d", n, tenants*months)
	}
	if n := b.count(t, "select count(distinct (tenant_id, period_start)) from invoices"); n != tenants*months {
		t.Errorf("%d different months, want %d", n, tenants*months)
	}
	first, last := fmt.Sprintf("%d-000001", now.Year()), fmt.Sprintf("%d-%06d", now.Year(), tenants*months)
	if n := b.count(t, "select count(*) from invoices where number between $1 and $2", first, last); n != tenants*months {
		t.Errorf("%d numbers from %s to %s, want %d", n, first, last, tenants*months)
	}
}

func TestUsageThatComesLateIsOnTheNextInvoice(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	id := b.tenant(t, "team", long)
	b.use(t, id, noon, billing.MeterEvents, 150_000_000, 1)
	b.closer(t, after).Round(t.Context())
	november := b.only(t, id)
	b.use(t, id, noon, billing.MeterEvents, 170_000_000, 2) // 20 million more: 4.00
	b.closer(t, after.AddDate(0, 1, 0)).Round(t.Context())
	december := b.only(t, id)
	if december.Total != 9000+400 || adjustments(december) != 400 {
		t.Errorf("December: %+v", december.Lines)
	}
	if again := mustInvoice(t, b, id, november.Number); again.SHA256 != november.SHA256 || again.Total != november.Total {
		t.Errorf("November changed: %+v", again)
	}
	b.use(t, id, noon, billing.MeterEvents, 100_000_000, 3) // 70 million fewer than billed by now: 14.00 back
	b.closer(t, after.AddDate(0, 2, 0)).Round(t.Context())
	if january := b.only(t, id); january.Total != 9000-1400 || adjustments(january) != -1400 {
		t.Errorf("January: %+v", january.Lines)
	}
	b.closer(t, after.AddDate(0, 3, 0)).Round(t.Context())
	if february := b.only(t, id); february.Total != 9000 || adjustments(february) != 0 {
		t.Errorf("February: %+v", february.Lines)
	}
}

// TestWhatIsLeftOfACorrectionIsCarried gives back more than a month costs.
func TestWhatIsLeftOfACorrectionIsCarried(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	id := b.tenant(t, "team", long)
	b.use(t, id, noon, billing.MeterEvents, 1_100_000_000, 1) // 200.00 above the fee
	b.closer(t, after).Round(t.Context())
	b.use(t, id, noon, billing.MeterEvents, 100_000_000, 2) // all of it back
	for month, want := range []struct{ total, carried money.Amount }{{0, -11_000}, {0, -2_000}, {7_000, 0}, {9_000, 0}} {
		b.closer(t, after.AddDate(0, month+1, 0)).Round(t.Context())
		if i := b.only(t, id); i.Total != want.total || i.Carried != want.carried || (want.total == 0) != (i.Status == invoice.StatusPaid) {
			t.Errorf("month %d: total %d, carried %d, %s: %+v", month+1, i.Total, i.Carried, i.Status, i.Lines)
		}
	}
}

func TestATenantReadsItsOwnInvoicesOnly(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	id, other := b.tenant(t, "team", long), b.tenant(t, "team", long)
	b.use(t, id, noon, billing.MeterEvents, 7, 1)
	b.closer(t, after).Round(t.Context())
	i := b.only(t, id)
	if _, err := b.Invoice(t.Context(), other, i.ID); !errors.Is(err, tenancy.ErrNotFound) {
		t.Errorf("by id: %v", err)
	}
	if _, err := b.Invoice(t.Context(), other, i.Number); !errors.Is(err, tenancy.ErrNotFound) {
		t.Errorf("by number: %v", err)
	}
	for _, l := range i.Lines {
		if !l.HasSnapshot() {
			continue
		}
		if _, err := b.Snapshot(t.Context(), other, l.Snapshot); !errors.Is(err, tenancy.ErrNotFound) {
			t.Errorf("snapshot of %s: %v", l.Meter, err)
		}
	}
}

func TestTheLastInvoiceOfATenantIsIssuedAtOnce(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	id := b.tenant(t, "team", long)
	b.use(t, id, noon, billing.MeterEvents, 150_000_000, 1)
	b.exec(t, "update tenants set delete_requested_at = $2 where id = $1", id, noon.Add(30*time.Minute))
	if n := b.closer(t, after).Round(t.Context()); n != 0 {
		t.Errorf("%d months were closed while the deletion could be cancelled", n)
	}
	closer := b.closer(t, noon.AddDate(0, 0, 7))
	for range 2 {
		if err := closer.Final(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	i := b.only(t, id)
	hours := uint64(9*24 + 13) // until the end of the hour in which it was asked to be deleted
	fee, err := money.MustPrice("90").Of(hours, 720).Round("EUR")
	if err != nil {
		t.Fatal(err)
	}
	if !i.Final || i.Lines[0].Amount != fee || !i.Lines[0].To.Equal(noon.Add(time.Hour)) {
		t.Errorf("%+v", i.Lines)
	}
	if n := b.closer(t, after).Round(t.Context()); n != 0 {
		t.Errorf("%d months were closed after the last one", n)
	}
	b.exec(t, "delete from plan_changes where tenant_id = $1", id)
	b.exec(t, "delete from billing_work where tenant_id = $1", id)
	b.exec(t, "delete from usage_totals where tenant_id = $1", id)
	b.exec(t, "delete from placements where tenant_id = $1", id)
	b.exec(t, "delete from tenants where id = $1", id)
	if again := b.only(t, id); again.SHA256 != i.SHA256 {
		t.Errorf("%+v", again)
	}
}

func adjustments(i invoice.Invoice) (sum money.Amount) {
	for _, l := range i.Lines {
		if l.Kind == rating.KindAdjustment {
			sum += l.Amount
		}
	}
	return sum
}

func mustInvoice(t *testing.T, b books, id tenancy.ID, number string) invoice.Invoice {
	t.Helper()
	i, err := b.Invoice(t.Context(), id, number)
	if err != nil {
		t.Fatal(err)
	}
	return i
}
