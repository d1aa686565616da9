package controlplane_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/millwright-io/millwright/controlplane"
	catalogv1 "github.com/millwright-io/millwright/proto/gen/millwright/catalog/v1"
	devicev1 "github.com/millwright-io/millwright/proto/gen/millwright/device/v1"
	limitv1 "github.com/millwright-io/millwright/proto/gen/millwright/limit/v1"
	"github.com/millwright-io/millwright/proto/gen/millwright/limit/v1/limitv1connect"
	tenantv1 "github.com/millwright-io/millwright/proto/gen/millwright/tenant/v1"
	"github.com/millwright-io/millwright/proto/subject"
	"github.com/millwright-io/millwright/tenancy"
)

func (s *stack) limits(a as) limitv1connect.LimitServiceClient {
	return limitv1connect.NewLimitServiceClient(&http.Client{Transport: a}, s.url)
}

// limit is one of those that the caller's tenant has.
func (s *stack) limit(t *testing.T, a as, name string) *limitv1.Limit {
	t.Helper()
	res, err := s.limits(a).List(t.Context(), &limitv1.ListRequest{})
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(res.GetLimits(), func(l *limitv1.Limit) bool { return l.GetName() == name })
	if i < 0 {
		t.Fatalf("no limit %s among %v", name, res.GetLimits())
	}
	return res.GetLimits()[i]
}

func operated(c *controlplane.Config) {
	c.Operators, c.LimitsEvery = []string{"ops@example.com"}, 100*time.Millisecond
}

// catalogLimits are those that the cell was told.
func (s *stack) catalogLimits(t *testing.T, id string) *catalogv1.Limits {
	t.Helper()
	b, err := s.js.KeyValue(t.Context(), subject.CatalogBucket(cell))
	if err != nil {
		return nil
	}
	e, err := b.Get(t.Context(), subject.TenantKey(id))
	var m catalogv1.Tenant
	if err != nil || proto.Unmarshal(e.Value(), &m) != nil {
		return nil
	}
	return m.GetLimits()
}

// TestEveryLimitCanBeOverridden sets each limit that a tenant has, for a while, and takes it away: API, catalog and audit log follow.
func TestEveryLimitCanBeOverridden(t *testing.T) {
	t.Parallel()
	s := setup(t, operated)
	ops := as{cookie: "ops"}
	id, key := s.found(t, "ada", tenantv1.Role_ROLE_ADMIN)
	end := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	for _, l := range tenancy.Limits() {
		req := &limitv1.SetOverrideRequest{TenantId: id, Limit: l.Name, Maximum: 70_000, ExpiresAt: timestamppb.New(end), Reason: "a fair"}
		res, err := s.limits(ops).SetOverride(t.Context(), req)
		if l.Name == tenancy.LimitGroupEventsPerSecond {
			if connect.CodeOf(err) != connect.CodeNotFound {
				t.Errorf("a limit of groups was overridden: %v", err)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", l.Name, err)
		}
		o := res.GetLimit().GetOverride()
		if res.GetLimit().GetMaximum() != 70_000 || o.GetReason() != "a fair" || o.GetSetBy() != "ops@example.com" || !o.GetExpiresAt().AsTime().Equal(end) {
			t.Errorf("%s: %v", l.Name, res.GetLimit())
		}
	}
	eventually(t, "the cell knows", func() bool {
		l := s.catalogLimits(t, id)
		return l.GetEventsPerSecond() == 70_000 && l.GetDeviceEventsPerSecond() == 70_000 && l.GetEventsPerDay() == 70_000 && l.GetQueryConcurrency() == 70_000
	})
	status, body := call(t, key, http.MethodGet, s.url+"/api/v1/audit?object=limit/devices", nil)
	if status != 200 || !strings.Contains(body, "ops@example.com") || !strings.Contains(body, "a fair") {
		t.Errorf("the tenant's audit log: %d %s", status, body)
	}
	if _, err := s.limits(ops).RemoveOverride(t.Context(), &limitv1.RemoveOverrideRequest{TenantId: id, Limit: "devices"}); err != nil {
		t.Fatal(err)
	}
	if l := s.limit(t, key, "devices"); l.GetMaximum() != l.GetPlanMaximum() || l.GetOverride() != nil {
		t.Errorf("after the removal: %v", l)
	}
	_, err := s.limits(ops).RemoveOverride(t.Context(), &limitv1.RemoveOverrideRequest{TenantId: id, Limit: "devices"})
	if connect.CodeOf(err) != connect.CodeNotFound {
		t.Errorf("removed twice: %v", err)
	}
	for _, bad := range []*limitv1.SetOverrideRequest{
		{TenantId: id, Limit: "devices", Maximum: 1, Reason: "late", ExpiresAt: timestamppb.New(time.Now().Add(-time.Second))},
		{TenantId: id, Limit: "devices", Maximum: 1 << 40, Reason: "large"},
		{TenantId: id, Limit: "devices", Maximum: -1, Reason: "small"},
		{TenantId: id, Limit: "devices", Maximum: 1},
		{TenantId: "nobody", Limit: "devices", Maximum: 1, Reason: "nobody"},
	} {
		if _, err := s.limits(ops).SetOverride(t.Context(), bad); connect.CodeOf(err) != connect.CodeInvalidArgument {
			t.Errorf("%v: %v", bad, err)
		}
	}
	for _, who := range []as{key, {cookie: "ada"}} {
		_, err := s.limits(who).SetOverride(t.Context(), &limitv1.SetOverrideRequest{TenantId: id, Limit: "devices", Maximum: 1, Reason: "mine"})
		if connect.CodeOf(err) != connect.CodePermissionDenied {
			t.Errorf("set by %+v: %v", who, err)
		}
	}
}

func TestAnOverrideEnds(t *testing.T) {
	t.Parallel()
	s := setup(t, operated)
	id, key := s.found(t, "ada", tenantv1.Role_ROLE_ADMIN)
	plan := s.limit(t, key, tenancy.LimitEventsPerSecond).GetMaximum()
	_, err := s.limits(as{cookie: "ops"}).SetOverride(t.Context(), &limitv1.SetOverrideRequest{
		TenantId: id, Limit: tenancy.LimitEventsPerSecond, Maximum: 7, Reason: "short", ExpiresAt: timestamppb.New(time.Now().Add(1500 * time.Millisecond)),
	})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the cell knows the override", func() bool { return s.catalogLimits(t, id).GetEventsPerSecond() == 7 })
	eventually(t, "the cell knows that it ended", func() bool { return int64(s.catalogLimits(t, id).GetEventsPerSecond()) == plan })
	if got := s.limit(t, key, tenancy.LimitEventsPerSecond); got.GetMaximum() != plan || got.GetOverride() != nil {
		t.Errorf("after the end: %v", got)
	}
	eventually(t, "the audit log tells of the end", func() bool {
		_, body := call(t, key, http.MethodGet, s.url+"/api/v1/audit?object=limit/&actor=system", nil)
		return strings.Contains(body, "override expires")
	})
}

// TestARefusalIsOnTheRecordAndOwnersAreTold fills the devices up: the refusal explains itself, can be read, and ada gets one
// e-mail at 80 per cent and one at 100.
func TestARefusalIsOnTheRecordAndOwnersAreTold(t *testing.T) {
	t.Parallel()
	s := setup(t, operated, func(c *controlplane.Config) { c.PlanLimits = []string{"devices=5"} })
	_, key := s.found(t, "ada", tenantv1.Role_ROLE_ADMIN)
	for i, name := range []string{"a", "b", "c", "d"} {
		if _, err := s.devices(key).Create(t.Context(), &devicev1.CreateRequest{DeviceId: name, DeviceType: "press"}); err != nil {
			t.Fatal(i, err)
		}
	}
	told := func(percent string) int {
		s.mails.mu.Lock()
		defer s.mails.mu.Unlock()
		n := 0
		for _, m := range s.mails.taken {
			if strings.Contains(m, "To: ") && strings.Contains(m, "ada@example.com") && strings.Contains(m, "ada works uses") && strings.Contains(m, percent) {
				n++
			}
		}
		return n
	}
	eventually(t, "the e-mail at 80 per cent", func() bool { return told("uses 4 of 5 devices") == 1 })
	if _, err := s.devices(key).Create(t.Context(), &devicev1.CreateRequest{DeviceId: "e", DeviceType: "press"}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the e-mail at 100 per cent", func() bool { return told("uses 5 of 5 devices") == 1 })
	for range 3 {
		status, body := call(t, key, http.MethodPost, s.url+"/api/v1/devices", []byte(`{"deviceId":"f","deviceType":"press"}`))
		if status != http.StatusTooManyRequests || !strings.Contains(body, "limit devices of tenant: 5 of 5 in use") {
			t.Fatalf("a sixth device: %d %s", status, body)
		}
	}
	eventually(t, "the refusals can be read", func() bool {
		res, err := s.limits(key).ListRefusals(t.Context(), &limitv1.ListRefusalsRequest{})
		if err != nil {
			t.Fatal(err)
		}
		var n int64
		for _, r := range res.GetRefusals() {
			if r.GetLimit() == "devices" && r.GetScope() == "tenant" && r.GetCurrent() == 5 && r.GetMaximum() == 5 {
				n += r.GetCount()
			}
		}
		return n == 3
	})
	if l := s.limit(t, key, "devices"); l.GetUsed() != 5 || l.GetRefused() != 3 {
		t.Errorf("the limit: %v", l)
	}
	notices, err := s.limits(key).ListNotices(t.Context(), &limitv1.ListNoticesRequest{})
	if err != nil {
		t.Fatal(err)
	}
	var percents []int32
	for _, n := range notices.GetNotices() {
		if n.GetLimit() == "devices" {
			percents = append(percents, n.GetPercent())
		}
	}
	slices.Sort(percents)
	if !slices.Equal(percents, []int32{80, 100}) || told("devices (devices)") != 2 {
		t.Errorf("notices %v, %d e-mails", percents, told("devices (devices)"))
	}
	history, err := s.limits(key).History(t.Context(), &limitv1.HistoryRequest{Limit: "devices"})
	if err != nil {
		t.Fatal(err)
	}
	var most, refused int64
	for _, u := range history.GetUses() {
		most, refused = max(most, u.GetUsed()), refused+u.GetRefused()
	}
	if most != 5 || refused != 3 {
		t.Errorf("history: %v", history)
	}
}

// TestACellTellsOfItsTenantsOnly sends totals twice, and of a tenant of another cell.
func TestACellTellsOfItsTenantsOnly(t *testing.T) {
	t.Parallel()
	s := setup(t, operated)
	id, key := s.found(t, "ada", tenantv1.Role_ROLE_ADMIN)
	minute := timestamppb.New(time.Now().UTC().Truncate(time.Minute))
	send := func(cell, source string, totals ...*limitv1.Total) {
		data, err := proto.Marshal(&limitv1.Totals{Source: source, Totals: totals})
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, "the stream takes it", func() bool {
			_, err := s.js.Publish(t.Context(), subject.Limit(cell), data)
			return err == nil
		})
	}
	total := func(used, refused int64) *limitv1.Total {
		return &limitv1.Total{TenantId: id, Limit: tenancy.LimitEventsPerSecond, Scope: "tenant", Minute: minute, Used: used, Maximum: 5000, Refused: refused}
	}
	send("elsewhere", "x", total(4999, 7_000_000))
	send(cell, "one", total(100, 4))
	send(cell, "one", total(200, 9))
	send(cell, "two", total(50, 1), &limitv1.Total{TenantId: id, Limit: "no_such", Scope: "tenant", Minute: minute})
	send(cell, "one", total(200, 9))
	eventually(t, "the newest totals of both processes count once", func() bool {
		l := s.limit(t, key, tenancy.LimitEventsPerSecond)
		return l.GetUsed() == 250 && l.GetRefused() == 10
	})
}

func TestTheRequestLimitOfOneTenantCanBeRaised(t *testing.T) {
	t.Parallel()
	s := setup(t, operated, func(c *controlplane.Config) { c.PlanLimits = []string{"requests_per_second=5"} })
	id, key := s.found(t, "ada", tenantv1.Role_ROLE_ADMIN)
	refused := func() (n int, retry string) {
		for range 40 {
			req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/api/v1/tenant", nil)
			res, err := key.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			if res.StatusCode == http.StatusTooManyRequests {
				n, retry = n+1, res.Header.Get("Retry-After")
			}
		}
		return n, retry
	}
	if n, retry := refused(); n < 20 || retry != "1" {
		t.Errorf("%d of 40 refused, retry after %q", n, retry)
	}
	_, err := s.limits(as{cookie: "ops"}).SetOverride(t.Context(), &limitv1.SetOverrideRequest{TenantId: id, Limit: tenancy.LimitRequestsPerSecond, Maximum: 5000, Reason: "a script"})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the raised limit holds", func() bool { n, _ := refused(); return n == 0 })
}
