package postgres_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/millwright-io/millwright/billing"
	"github.com/millwright-io/millwright/billing/postgres"
	"github.com/millwright-io/millwright/migrations"
	"github.com/millwright-io/millwright/migrations/pgtest"
	"github.com/millwright-io/millwright/tenancy"
)

func setup(t *testing.T) (*postgres.Store, tenancy.ID, tenancy.ID) {
	t.Helper()
	cfg, err := pgxpool.ParseConfig(pgtest.New(t))
	if err != nil {
		t.Fatal(err)
	}
	owner, err := pgx.ConnectConfig(t.Context(), cfg.ConnConfig)
	if err != nil {
		t.Fatal(err)
	}
	a, b := tenancy.NewID(), tenancy.NewID()
	for _, id := range []tenancy.ID{a, b} {
		for _, statement := range []string{
			"insert into tenants (id, name, slug, status, plan, cell, created_at) values ($1, 'n', 'slug-' || $1, 'active', 'team', 'eu', now())",
			"insert into placements values ($1, 'eu')",
		} {
			if _, err := owner.Exec(t.Context(), statement, id); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := owner.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	return storeAt(t, cfg.ConnString()), a, b
}

// storeAt is a ledger in a database, with the application's role.
func storeAt(t testing.TB, dsn string) *postgres.Store {
	t.Helper()
	cfg, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	cfg.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, "set role "+migrations.AppRole)
		return err
	}
	pool, err := pgxpool.NewWithConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return postgres.New(pool)
}

var hour = time.Date(2026, 3, 4, 5, 0, 0, 0, time.UTC)

// TestTheNewestVersionOfEveryTotalCounts sends every version several times in random order: the sum is that of the
// newest versions, whatever came when.
func TestTheNewestVersionOfEveryTotalCounts(t *testing.T) {
	t.Parallel()
	store, a, b := setup(t)
	var all []billing.Total
	for version := range uint64(10) {
		for partition := range uint32(2) {
			for i := range 3 {
				all = append(all, billing.Total{
					Tenant: a, Cell: "eu", Partition: partition, Hour: hour.Add(time.Duration(i) * time.Hour), Meter: billing.MeterEvents,
					Value: (version + 1) * 100, Version: version + 1,
				}, billing.Total{Tenant: b, Cell: "eu", Partition: partition, Hour: hour, Meter: billing.MeterBytes, Value: 5, Version: version})
			}
		}
	}
	all = append(all, all...)
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	for len(all) > 0 {
		n := min(len(all), 7)
		if refused, err := store.Record(t.Context(), "eu", all[:n], nil); err != nil || refused != nil {
			t.Fatal(refused, err)
		}
		all = all[n:]
	}
	hours, err := store.Usage(t.Context(), a, hour, hour.Add(24*time.Hour))
	if err != nil || len(hours) != 3 {
		t.Fatalf("%d hours, %v", len(hours), err)
	}
	for _, h := range hours {
		if h.Of(billing.MeterEvents) != 2*1000 || h.Of(billing.MeterBytes) != 0 {
			t.Errorf("%s: %d events, %d bytes; want 2000, 0", h.Start, h.Of(billing.MeterEvents), h.Of(billing.MeterBytes))
		}
	}
	if hours, err := store.Usage(t.Context(), b, hour, hour.Add(time.Hour)); err != nil || len(hours) != 1 || hours[0].Of(billing.MeterBytes) != 10 {
		t.Errorf("tenant B: %v, %v", hours, err)
	}
}

func TestATenantThatDoesNotLiveInTheCellIsLeftOut(t *testing.T) {
	t.Parallel()
	store, a, b := setup(t)
	total := func(id tenancy.ID, cell string) billing.Total {
		return billing.Total{Tenant: id, Cell: cell, Hour: hour, Meter: billing.MeterEvents, Value: 1, Version: 1}
	}
	stranger := tenancy.NewID()
	refused, err := store.Record(t.Context(), "eu", []billing.Total{total(stranger, "eu"), total(a, "eu")}, nil)
	if err != nil || len(refused) != 1 || !errors.Is(refused[0], tenancy.ErrInvalid) || !strings.Contains(refused[0].Error(), string(stranger)) {
		t.Errorf("an unknown tenant: refused %v, %v", refused, err)
	}
	refused, err = store.Record(t.Context(), "us", []billing.Total{total(b, "us")}, nil)
	if err != nil || len(refused) != 1 || !strings.Contains(refused[0].Error(), "lives in cell eu, not in us") {
		t.Errorf("another cell: refused %v, %v", refused, err)
	}
	for id, want := range map[tenancy.ID]int{a: 1, b: 0, stranger: 0} {
		if hours, err := store.Usage(t.Context(), id, hour, hour.Add(time.Hour)); err != nil || len(hours) != want {
			t.Errorf("tenant %s: %v, %v; want %d hours", id, hours, err, want)
		}
	}
}
