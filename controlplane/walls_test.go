package controlplane_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/millwright-io/millwright/migrations"
	devicev1 "github.com/millwright-io/millwright/proto/gen/millwright/device/v1"
	keyv1 "github.com/millwright-io/millwright/proto/gen/millwright/key/v1"
	rolev1 "github.com/millwright-io/millwright/proto/gen/millwright/role/v1"
	tenantv1 "github.com/millwright-io/millwright/proto/gen/millwright/tenant/v1"
)

// TestAForgottenPredicateShowsNothingOfOthers connects as the application does and asks each table of a tenant, as the
// system catalog lists them, for everything: tenant B's transaction sees no row of tenant A's, and one that names no
// tenant sees none at all.
func TestAForgottenPredicateShowsNothingOfOthers(t *testing.T) {
	t.Parallel()
	s := setup(t)
	idA, keyA := s.found(t, marker, tenantv1.Role_ROLE_OWNER)
	idB, _ := s.found(t, "mallory", tenantv1.Role_ROLE_OWNER)
	if _, err := s.devices(keyA).Create(t.Context(), &devicev1.CreateRequest{DeviceId: "press_01", DeviceType: "press"}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.roles(keyA).Create(t.Context(), &rolev1.CreateRequest{CustomRole: "lead", Actions: []string{"devices.read"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.keys(keyA).CreateServiceAccount(t.Context(), &keyv1.CreateServiceAccountRequest{ServiceAccountId: "mes", Role: tenantv1.Role_ROLE_VIEWER}); err != nil {
		t.Fatal(err)
	}
	dsn, err := os.ReadFile(s.cfg.PostgresDSNFile)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), strings.TrimSpace(string(dsn)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	tables := tenantTables(t, conn)
	if len(tables) < 12 {
		t.Fatalf("the catalog lists %v", tables)
	}
	if _, err := conn.Exec(t.Context(), "set role "+migrations.AppRole); err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, table := range tables {
		for tenant, want := range map[string]string{"": "", idB: idB, idA: idA} {
			if _, err := conn.Exec(t.Context(), "select set_config('millwright.tenant', $1, false)", tenant); err != nil {
				t.Fatal(err)
			}
			var all, own int
			query := fmt.Sprintf("select count(*), count(*) filter (where tenant_id = $1) from %s", pgx.Identifier{table}.Sanitize())
			if err := conn.QueryRow(t.Context(), query, want).Scan(&all, &own); err != nil {
				t.Errorf("%s: %v", table, err)
			}
			if all != own {
				t.Errorf("%s: a transaction of %q sees %d rows, %d of them its own", table, tenant, all, own)
			}
			if tenant == idA {
				seen += own
			}
		}
	}
	if seen < 8 {
		t.Errorf("tenant A's own rows: %d seen, the test proves little", seen)
	}
}

// tenantTables are those with a tenant_id whose rows are walled; the others hold names only, see migrations' own test.
func tenantTables(t *testing.T, conn *pgx.Conn) []string {
	t.Helper()
	rows, err := conn.Query(t.Context(), `
select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped
where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace and c.relrowsecurity
  and has_table_privilege('`+migrations.AppRole+`', c.oid, 'select')
order by c.relname`)
	if err != nil {
		t.Fatal(err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return list
}
