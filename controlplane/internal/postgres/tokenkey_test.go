package postgres_test

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/millwright-io/millwright/controlplane/internal/authority"
	"github.com/millwright-io/millwright/controlplane/internal/cell"
	"github.com/millwright-io/millwright/controlplane/internal/distribute"
	"github.com/millwright-io/millwright/controlplane/internal/tokenkey"
	"github.com/millwright-io/millwright/migrations"
	"github.com/millwright-io/millwright/migrations/pgtest"
	"github.com/millwright-io/millwright/tenancy"
)

// TestControlPlanesAgreeOnTokenKeys starts four at once, rotates and retires, each step by all of them, and reads what the cell is
// told.
func TestControlPlanesAgreeOnTokenKeys(t *testing.T) {
	t.Parallel()
	dsn := pgtest.New(t)
	store := openStore(t, dsn)
	err := store.RegisterCells(t.Context(), []cell.Cell{{Name: "local", Region: "local", Configured: true, Capacity: cell.Capacity{Databases: 1000, EventsPerSecond: 1000}}}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	file, err := authority.OpenKeyFile(filepath.Join(t.TempDir(), "kek"))
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	now := time.Now().UTC().Truncate(time.Second)
	clock := func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return now
	}
	pass := func(d time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		now = now.Add(d)
	}
	policy := tokenkey.Policy{Period: 24 * time.Hour, Ahead: time.Hour}
	var services []*tokenkey.Service
	for range 4 {
		services = append(services, tokenkey.NewService(openStore(t, dsn), authority.NewVault(file), policy, slog.New(slog.DiscardHandler), clock))
	}
	all := func(do func(s *tokenkey.Service) error) (failed []error) {
		var wg sync.WaitGroup
		for _, s := range services {
			wg.Go(func() {
				if err := do(s); err != nil {
					mu.Lock()
					failed = append(failed, err)
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		return failed
	}
	keep := func() []tokenkey.Key {
		t.Helper()
		if failed := all(func(s *tokenkey.Service) error { return s.Keep(t.Context()) }); failed != nil {
			t.Fatal(failed)
		}
		keys, err := store.TokenKeys(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return keys
	}
	catalog := map[string]*distribute.Verifier{}
	told := func() {
		t.Helper()
		_, err := store.Drain(t.Context(), "local", 100, func(_ context.Context, entries []distribute.Entry) error {
			for _, e := range entries {
				if catalog[e.ID] = e.Verifier; e.Verifier == nil {
					delete(catalog, e.ID)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	keys := keep()
	if len(keys) != 2 || keys[0].SignsFrom.After(now) || !keys[1].SignsFrom.Equal(keys[0].SignsFrom.Add(policy.Period)) {
		t.Fatalf("at the first start: %+v", keys)
	}
	if told(); len(catalog) != 2 || !slices.Equal(catalog[keys[1].ID].PublicKey, keys[1].Public) {
		t.Fatalf("the cell is told %v", catalog)
	}
	first, second := keys[0].ID, keys[1].ID
	pass(policy.Period)
	if keys = keep(); len(keys) != 3 || services[0].Signing(keys) != second {
		t.Fatalf("after a period: %+v", keys)
	}
	pass(time.Hour)
	keys = keep()
	if told(); len(keys) != 2 || catalog[first] != nil || len(catalog) != 2 {
		t.Fatalf("when the tokens have ended: %+v, at the cell %v", keys, catalog)
	}
	third := keys[1].ID
	failed := all(func(s *tokenkey.Service) error {
		_, err := s.Retire(t.Context(), tenancy.Principal{Actor: "ops@example.com"}, second)
		return err
	})
	if len(failed) != 3 || !errors.Is(failed[0], tenancy.ErrConflict) {
		t.Errorf("retired by four at once, refused: %v", failed)
	}
	keys = keep()
	if told(); services[3].Signing(keys) != third || len(keys) != 3 || catalog[second] == nil || !catalog[second].Retired || catalog[third].Retired {
		t.Errorf("after the leak: %+v, at the cell %v", keys, catalog)
	}
	if _, err := services[0].Retire(t.Context(), tenancy.Principal{}, "nothing"); !errors.Is(err, tenancy.ErrNotFound) {
		t.Errorf("a key that is not there: %v", err)
	}
	snapshot := 0
	err = store.Snapshot(t.Context(), "local", func(_ context.Context, entries []distribute.Entry) error {
		snapshot = len(entries)
		return nil
	})
	if err != nil || snapshot != 3 {
		t.Errorf("a snapshot has %d keys, %v", snapshot, err)
	}
	if _, err := store.Reseal(t.Context(), authority.NewVault(file).Reseal); err == nil {
		t.Error("the application may seal stored keys again")
	}
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	if _, err := conn.Exec(t.Context(), "set role "+migrations.AppRole); err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{"update token_keys set sealed_key = ''", "update token_keys set public_key = ''"} {
		if _, err := conn.Exec(t.Context(), statement); err == nil {
			t.Errorf("the application may %s", statement)
		}
	}
	var n int
	if err := conn.QueryRow(t.Context(), "select count(*) from platform_audit where object = $1 and actor = 'ops@example.com'", "token-key/"+second).Scan(&n); err != nil || n != 1 {
		t.Errorf("%d entries of the audit, %v", n, err)
	}
}
