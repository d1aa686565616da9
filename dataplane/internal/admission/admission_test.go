package admission

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/catalog"
	"github.com/millwright-io/millwright/tenancy"
)

const acme = tenancy.ID("aaaaaaaaaaaaaaaa")

type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

func setup(t testing.TB, rate, burst int) (*Limiter, *catalog.Catalog, *clock) {
	t.Helper()
	c := &clock{time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	cat := catalog.New()
	cat.SetTenant(tenant(rate, burst))
	l := New(cat, c.now)
	t.Cleanup(l.Close)
	return l, cat, c
}

func tenant(rate, burst int) catalog.Tenant {
	return catalog.Tenant{ID: acme, Limits: catalog.Limits{EventsPerSecond: rate, EventsBurst: burst}}
}

func TestRateIsExact(t *testing.T) {
	t.Parallel()
	for _, rate := range []int{1, 3, 7, 999, 31_623, 100_000, 1_234_567, 99_999_989} {
		l, _, c := setup(t, rate, rate)
		admitted := 0
		for range 10_000 {
			for step := rate; step > 0; step /= 2 {
				for l.TakeN(acme, "press", step) == nil {
					admitted += step
				}
			}
			c.t = c.t.Add(1_000_003 * time.Nanosecond)
		}
		passed := 9_999 * int64(1_000_003)
		want := int64(rate) + passed/int64(time.Second)*int64(rate) + passed%int64(time.Second)*int64(rate)/int64(time.Second)
		if int64(admitted) != want {
			t.Errorf("rate %d: admitted %d, want %d", rate, admitted, want)
		}
	}
}

func TestRefusalSaysWhenToRetry(t *testing.T) {
	t.Parallel()
	l, _, c := setup(t, 100, 10)
	if err := l.TakeN(acme, "press", 10); err != nil {
		t.Fatal(err)
	}
	err := l.TakeN(acme, "press", 5)
	var limit *tenancy.LimitError
	if !errors.As(err, &limit) || limit.RetryAfter != 50*time.Millisecond || limit.Maximum != 100 || limit.Current != 15 {
		t.Fatalf("got %+v", limit)
	}
	if err.Error() != "limit events_per_second of tenant: 15 of 100 in use, retry in 50ms" {
		t.Fatal(err)
	}
	c.t = c.t.Add(limit.RetryAfter - 1)
	if l.TakeN(acme, "press", 5) == nil {
		t.Fatal("admitted a nanosecond early")
	}
	c.t = c.t.Add(1)
	if err := l.TakeN(acme, "press", 5); err != nil {
		t.Fatalf("refused at the time it named: %v", err)
	}
}

func TestBatchBeyondTheBurstWaitsForAFullBucketAndLeavesDebt(t *testing.T) {
	t.Parallel()
	l, _, c := setup(t, 100, 10)
	if err := l.TakeN(acme, "press", 110); err != nil {
		t.Fatal(err)
	}
	var limit *tenancy.LimitError
	if err := l.TakeN(acme, "press", 1); !errors.As(err, &limit) || limit.RetryAfter != 1010*time.Millisecond {
		t.Fatalf("got %v", err)
	}
	c.t = c.t.Add(1010 * time.Millisecond)
	if err := l.TakeN(acme, "press", 1); err != nil {
		t.Fatal(err)
	}
}

func TestReservationsQueue(t *testing.T) {
	t.Parallel()
	l, _, _ := setup(t, 10, 1)
	for i, want := range []time.Duration{0, 100 * time.Millisecond, 200 * time.Millisecond} {
		if got, err := l.ReserveN(acme, "press", 1, 250*time.Millisecond); err != nil || got != want {
			t.Fatalf("reservation %d waits %s, want %s (%v)", i, got, want, err)
		}
	}
	if _, err := l.ReserveN(acme, "press", 1, 250*time.Millisecond); err == nil {
		t.Fatal("reserved beyond the time allowed")
	}
}

func TestLimitsFollowTheCatalog(t *testing.T) {
	t.Parallel()
	l, cat, c := setup(t, 10, 10)
	if err := l.TakeN(acme, "press", 10); err != nil {
		t.Fatal(err)
	}
	cat.SetTenant(tenant(1000, 50))
	c.t = c.t.Add(50 * time.Millisecond)
	if err := l.TakeN(acme, "press", 50); err != nil {
		t.Fatalf("the raised limit is not in force: %v", err)
	}
	cat.SetTenant(tenant(1, 1))
	c.t = c.t.Add(time.Second)
	if err := l.TakeN(acme, "press", 1); err != nil {
		t.Fatal(err)
	}
	if l.TakeN(acme, "press", 1) == nil {
		t.Fatal("the lowered limit is not in force")
	}
	cat.RemoveTenant(acme)
	if l.TakeN(acme, "press", 1) == nil {
		t.Fatal("a tenant that is gone was admitted")
	}
}

func BenchmarkReserveN(b *testing.B) {
	l, _, _ := setup(b, 50_000_000, 1_000_000)
	l.now = time.Now
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			_ = l.TakeN(acme, "press", 1)
		}
	})
}

// BenchmarkReserveLevels takes from a device, two groups and the tenant.
func BenchmarkReserveLevels(b *testing.B) {
	l, cat, _ := setup(b, 50_000_000, 1_000_000)
	t := tenant(50_000_000, 1_000_000)
	t.Limits.DeviceEventsPerSecond, t.Limits.DeviceEventsBurst = 50_000_000, 1_000_000
	cat.SetTenant(t)
	for _, g := range []string{"presses", "north"} {
		cat.SetGroup(catalog.Group{Tenant: acme, ID: g, EventsPerSecond: 50_000_000})
	}
	cat.SetDevice(catalog.Device{Tenant: acme, ID: "press", Groups: []string{"presses", "north"}})
	l.now = time.Now
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			_ = l.TakeN(acme, "press", 1)
		}
	})
}

func groups(t *testing.T) (*Limiter, *catalog.Catalog, *clock) {
	t.Helper()
	l, cat, c := setup(t, 1000, 1000)
	limited := tenant(1000, 1000)
	limited.Limits.DeviceEventsPerSecond, limited.Limits.DeviceEventsBurst = 10, 20
	cat.SetTenant(limited)
	cat.SetGroup(catalog.Group{Tenant: acme, ID: "presses", EventsPerSecond: 30})
	cat.SetGroup(catalog.Group{Tenant: acme, ID: "free"})
	for _, d := range []string{"a", "b", "c"} {
		cat.SetDevice(catalog.Device{Tenant: acme, ID: d, Groups: []string{"free", "presses"}})
	}
	cat.SetDevice(catalog.Device{Tenant: acme, ID: "alone"})
	return l, cat, c
}

// TestTheTightestLevelRefusesAndNothingIsTaken: device, group and tenant are taken from together or not at all.
func TestTheTightestLevelRefusesAndNothingIsTaken(t *testing.T) {
	t.Parallel()
	l, cat, c := groups(t)
	refused := func(device string, n int, name, scope string, maximum int64) {
		t.Helper()
		var limit *tenancy.LimitError
		if err := l.TakeN(acme, device, n); !errors.As(err, &limit) || limit.Limit != name || limit.Scope != scope || limit.Maximum != maximum || limit.RetryAfter <= 0 {
			t.Fatalf("%s: %+v", device, limit)
		}
	}
	if err := l.TakeN(acme, "a", 20); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		refused("a", 1, tenancy.LimitDeviceEventsPerSecond, "device a", 10)
	}
	if err := l.TakeN(acme, "b", 10); err != nil {
		t.Fatalf("refused events of a were taken from the group: %v", err)
	}
	for range 100 {
		refused("b", 1, tenancy.LimitGroupEventsPerSecond, "group presses", 30)
		refused("c", 1, tenancy.LimitGroupEventsPerSecond, "group presses", 30)
	}
	for range 50 {
		if err := l.TakeN(acme, "alone", 1); err != nil {
			t.Fatalf("a device in no group: %v", err)
		}
		c.t = c.t.Add(100 * time.Millisecond)
	}
	// Five seconds later everything is full again, up to the bursts.
	for i, d := range []string{"a", "b"} {
		if err := l.TakeN(acme, d, []int{20, 10}[i]); err != nil {
			t.Fatalf("%s: %v", d, err)
		}
	}
	refused("c", 1, tenancy.LimitGroupEventsPerSecond, "group presses", 30)
	// The group's policy, and who is in it, change at once.
	cat.SetGroup(catalog.Group{Tenant: acme, ID: "presses", EventsPerSecond: 300})
	c.t = c.t.Add(100 * time.Millisecond)
	if err := l.TakeN(acme, "c", 20); err != nil {
		t.Fatalf("the raised policy is not in force: %v", err)
	}
	cat.SetGroup(catalog.Group{Tenant: acme, ID: "presses", EventsPerSecond: 1})
	if err := l.TakeN(acme, "b", 1); err != nil {
		t.Fatalf("what is in the group's pool stays, up to the new limit: %v", err)
	}
	refused("b", 1, tenancy.LimitGroupEventsPerSecond, "group presses", 1)
	cat.SetDevice(catalog.Device{Tenant: acme, ID: "b"})
	if err := l.TakeN(acme, "b", 1); err != nil {
		t.Fatalf("a device that left the group: %v", err)
	}
	cat.RemoveGroup(acme, "presses")
	c.t = c.t.Add(10 * time.Second)
	if err := l.TakeN(acme, "a", 20); err != nil {
		t.Fatalf("a group that is gone: %v", err)
	}
}

func TestADayIsRefusedOrTakenAsThePlanSays(t *testing.T) {
	t.Parallel()
	l, cat, c := setup(t, 1000, 1000)
	limited := tenant(1000, 1000)
	limited.Limits.EventsPerDay, limited.Limits.RefuseOverDay = 100, true
	cat.SetTenant(limited)
	if err := l.TakeN(acme, "press", 100); err != nil {
		t.Fatal(err)
	}
	var limit *tenancy.LimitError
	if err := l.TakeN(acme, "press", 1); !errors.As(err, &limit) || limit.Limit != tenancy.LimitEventsPerDay || limit.Current != 100 || limit.Maximum != 100 {
		t.Fatalf("got %+v", limit)
	}
	if want := c.t.Truncate(24 * time.Hour).Add(24 * time.Hour).Sub(c.t); limit.RetryAfter != want {
		t.Errorf("retry in %s, want at midnight UTC, in %s", limit.RetryAfter, want)
	}
	limited.Limits.RefuseOverDay = false
	cat.SetTenant(limited)
	if err := l.TakeN(acme, "press", 1); err != nil {
		t.Fatalf("a plan that takes what is above: %v", err)
	}
	limited.Limits.RefuseOverDay = true
	cat.SetTenant(limited)
	c.t = c.t.Truncate(24 * time.Hour).Add(24 * time.Hour)
	if err := l.TakeN(acme, "press", 100); err != nil {
		t.Fatalf("the next day: %v", err)
	}
}

// kept is what a bucket of days keeps.
type kept map[tenancy.ID][2]int64

func (k kept) Add(_ context.Context, tenant tenancy.ID, date, events int64) (int64, error) {
	d := k[tenant]
	if d[0] != date {
		d = [2]int64{date, 0}
	}
	d[1] += events
	k[tenant] = d
	return d[1], nil
}

// TestADayIsOneOverProcessesAndRestarts: what others admitted counts, and a new process knows.
func TestADayIsOneOverProcessesAndRestarts(t *testing.T) {
	t.Parallel()
	days := kept{}
	limited := tenant(1000, 1000)
	limited.Limits.EventsPerDay, limited.Limits.RefuseOverDay = 100, true
	var all []*Limiter
	for range 3 {
		l, cat, _ := setup(t, 1000, 1000)
		cat.SetTenant(limited)
		all = append(all, l)
	}
	for _, l := range all {
		if err := l.TakeN(acme, "press", 33); err != nil {
			t.Fatal(err)
		}
		if err := l.KeepDays(t.Context(), days); err != nil {
			t.Fatal(err)
		}
	}
	for _, l := range all {
		if err := l.KeepDays(t.Context(), days); err != nil {
			t.Fatal(err)
		}
		if l.TakeN(acme, "press", 2) == nil {
			t.Error("what other processes admitted does not count")
		}
	}
	fresh, cat, _ := setup(t, 1000, 1000)
	cat.SetTenant(limited)
	_ = fresh.TakeN(acme, "press", 1)
	if err := fresh.KeepDays(t.Context(), days); err != nil || fresh.TakeN(acme, "press", 1) == nil {
		t.Errorf("a new process begins the day anew (%v)", err)
	}
}
