package controlplane_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/encoding/protojson"

	auditv1 "github.com/millwright-io/millwright/proto/gen/millwright/audit/v1"
	platformv1 "github.com/millwright-io/millwright/proto/gen/millwright/platform/v1"
	tenantv1 "github.com/millwright-io/millwright/proto/gen/millwright/tenant/v1"
)

// TestWhatOperatorsDoIsChained does what operators do, to the platform and to a tenant, and reads it back: by the RPC, and by the
// export, whose hashes follow from one another until somebody who may write to the tables changes one.
func TestWhatOperatorsDoIsChained(t *testing.T) {
	t.Parallel()
	s := setup(t)
	id, _ := s.found(t, "ada", tenantv1.Role_ROLE_OWNER)
	ops := as{cookie: "ops"}
	for _, c := range []struct{ procedure, body string }{
		{"millwright.platform.v1.PlatformService/SetFlag", `{"flag":"new_charts","percent":10}`},
		{"millwright.cell.v1.CellService/Drain", `{"cell":"` + cell + `"}`},
		{"millwright.limit.v1.LimitService/SetOverride", `{"tenantId":"` + id + `","limit":"devices","maximum":7,"reason":"a trial"}`},
		{"millwright.limit.v1.LimitService/RemoveOverride", `{"tenantId":"` + id + `","limit":"devices"}`},
		{"millwright.tenant.v1.TenantService/Suspend", `{"tenantId":"` + id + `","reason":"unpaid"}`},
		{"millwright.tenant.v1.TenantService/Resume", `{"tenantId":"` + id + `"}`},
	} {
		if status, answer := call(t, ops, http.MethodPost, s.url+"/"+c.procedure, []byte(c.body)); status != http.StatusOK {
			t.Fatalf("%s: %d %s", c.procedure, status, answer)
		}
	}
	if status, _ := call(t, as{cookie: "eve"}, http.MethodPost, s.url+"/millwright.cell.v1.CellService/Drain", []byte(`{"cell":"`+cell+`"}`)); status != http.StatusForbidden {
		t.Fatalf("eve drains a cell: %d", status)
	}
	page, err := s.platform(ops).ListAudit(t.Context(), &platformv1.ListAuditRequest{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range page.GetEntries() {
		got = append(got, strings.TrimSuffix(e.GetActor(), "@example.com")+" "+e.GetAction()[strings.LastIndex(e.GetAction(), "/")+1:]+" "+strings.ReplaceAll(e.GetObject(), id, "ID"))
	}
	want := "eve Drain |ops Resume tenant/ID|ops Suspend tenant/ID|ops RemoveOverride tenant/ID/limit/devices|ops SetOverride tenant/ID/limit/devices|" +
		"ops Drain cell/" + cell + "|ops SetFlag flag/new_charts"
	if strings.Join(got, "|") != want {
		t.Errorf("the log is %s\nwant       %s", strings.Join(got, "|"), want)
	}
	refused, err := s.platform(ops).ListAudit(t.Context(), &platformv1.ListAuditRequest{Outcome: auditv1.Outcome_OUTCOME_REFUSED})
	if err != nil || len(refused.GetEntries()) != 1 {
		t.Errorf("refused attempts: %v, %v", refused.GetEntries(), err)
	}
	first, err := s.platform(ops).ListAudit(t.Context(), &platformv1.ListAuditRequest{PageSize: 1, PageToken: "3", Object: "cell/"})
	if err != nil || len(first.GetEntries()) != 1 || first.GetEntries()[0].GetNumber() != 2 {
		t.Errorf("the second page: %v, %v", first, err)
	}
	if _, err := s.platform(ops).ListAudit(t.Context(), &platformv1.ListAuditRequest{PageToken: "x"}); connect.CodeOf(err) != connect.CodeInvalidArgument {
		t.Errorf("a page token of nobody's: %v", err)
	}
	if status, _ := call(t, as{cookie: "ada"}, http.MethodGet, s.url+"/api/v1/platform/audit/export", nil); status != http.StatusForbidden {
		t.Errorf("an owner exports the platform's log: %d", status)
	}
	export := func() string {
		status, text := call(t, ops, http.MethodGet, s.url+"/api/v1/platform/audit/export", nil)
		if status != http.StatusOK {
			t.Fatalf("export: %d %s", status, text)
		}
		return text
	}
	if n, broken := recomputed(t, export(), "platform"); n != 8 || broken != 0 { // eve's drain and ada's export are refused
		t.Errorf("%d entries, the first that is broken is %d", n, broken)
	}
	s.asOwnerOfTables(t, "update platform_audit set after_json = '' where number = 3")
	if n, broken := recomputed(t, export(), "platform"); n != 8 || broken != 3 {
		t.Errorf("entry 3 was changed: %d entries, the first that is broken is %d", n, broken)
	}
}

// recomputed computes every hash of an export again, as millwright.audit.v1.Entry describes it, and returns the number of entries
// and of the first whose hash differs, 0 for none.
func recomputed(t *testing.T, export, tenant string) (entries, broken int64) {
	t.Helper()
	last := make([]byte, sha256.Size)
	for lines := bufio.NewScanner(strings.NewReader(export)); lines.Scan(); {
		var e auditv1.Entry
		if err := protojson.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatal(err)
		}
		entries++
		sum := sha256.New()
		_, _ = sum.Write(last)
		for _, field := range []string{
			tenant, strconv.FormatInt(entries, 10), e.GetOccurredAt().AsTime().Format("2006-01-02T15:04:05.000000Z"), e.GetActor(), e.GetAction(), e.GetObject(),
			e.GetOutcome(), e.GetBeforeJson(), e.GetAfterJson(), e.GetRemoteAddress(), e.GetRequestId(),
		} {
			_, _ = sum.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(field))), field...)) //nolint:gosec // short
		}
		last = e.GetHash()
		if broken == 0 && (!bytes.Equal(sum.Sum(nil), last) || e.GetNumber() != entries) {
			broken = entries
		}
	}
	return entries, broken
}

// asOwnerOfTables runs a statement as nobody in the product does: as the owner of the tables.
func (s *stack) asOwnerOfTables(t *testing.T, statement string, args ...any) {
	t.Helper()
	dsn, err := os.ReadFile(s.cfg.PostgresDSNFile)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), strings.TrimSpace(string(dsn)))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	if _, err := conn.Exec(t.Context(), statement, args...); err != nil {
		t.Fatal(err)
	}
}
