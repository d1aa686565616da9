package admission

import (
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
				for l.TakeN(acme, step) == nil {
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
	if err := l.TakeN(acme, 10); err != nil {
		t.Fatal(err)
	}
	err := l.TakeN(acme, 5)
	var limit *tenancy.LimitError
	if !errors.As(err, &limit) || limit.RetryAfter != 50*time.Millisecond || limit.Maximum != 100 || limit.Current != 15 {
		t.Fatalf("got %+v", limit)
	}
	if err.Error() != "limit events_per_second of tenant: 15 of 100 in use, retry in 50ms" {
		t.Fatal(err)
	}
	c.t = c.t.Add(limit.RetryAfter - 1)
	if l.TakeN(acme, 5) == nil {
		t.Fatal("admitted a nanosecond early")
	}
	c.t = c.t.Add(1)
	if err := l.TakeN(acme, 5); err != nil {
		t.Fatalf("refused at the time it named: %v", err)
	}
}

func TestBatchBeyondTheBurstWaitsForAFullBucketAndLeavesDebt(t *testing.T) {
	t.Parallel()
	l, _, c := setup(t, 100, 10)
	if err := l.TakeN(acme, 110); err != nil {
		t.Fatal(err)
	}
	var limit *tenancy.LimitError
	if err := l.TakeN(acme, 1); !errors.As(err, &limit) || limit.RetryAfter != 1010*time.Millisecond {
		t.Fatalf("got %v", err)
	}
	c.t = c.t.Add(1010 * time.Millisecond)
	if err := l.TakeN(acme, 1); err != nil {
		t.Fatal(err)
	}
}

func TestReservationsQueue(t *testing.T) {
	t.Parallel()
	l, _, _ := setup(t, 10, 1)
	for i, want := range []time.Duration{0, 100 * time.Millisecond, 200 * time.Millisecond} {
		if got, err := l.ReserveN(acme, 1, 250*time.Millisecond); err != nil || got != want {
			t.Fatalf("reservation %d waits %s, want %s (%v)", i, got, want, err)
		}
	}
	if _, err := l.ReserveN(acme, 1, 250*time.Millisecond); err == nil {
		t.Fatal("reserved beyond the time allowed")
	}
}

func TestLimitsFollowTheCatalog(t *testing.T) {
	t.Parallel()
	l, cat, c := setup(t, 10, 10)
	if err := l.TakeN(acme, 10); err != nil {
		t.Fatal(err)
	}
	cat.SetTenant(tenant(1000, 50))
	c.t = c.t.Add(50 * time.Millisecond)
	if err := l.TakeN(acme, 50); err != nil {
		t.Fatalf("the raised limit is not in force: %v", err)
	}
	cat.SetTenant(tenant(1, 1))
	c.t = c.t.Add(time.Second)
	if err := l.TakeN(acme, 1); err != nil {
		t.Fatal(err)
	}
	if l.TakeN(acme, 1) == nil {
		t.Fatal("the lowered limit is not in force")
	}
	cat.RemoveTenant(acme)
	if l.TakeN(acme, 1) == nil {
		t.Fatal("a tenant that is gone was admitted")
	}
}

func BenchmarkTakeN(b *testing.B) {
	l, _, _ := setup(b, 50_000_000, 1_000_000)
	l.now = time.Now
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			_ = l.TakeN(acme, 1)
		}
	})
}
