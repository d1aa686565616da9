package admission

import (
	"errors"
	"strings"
	"testing"

	"github.com/millwright-io/millwright/tenancy"
)

// TestAHoldRefusesAndSaysWhy holds a tenant's events back altogether, then to a rate, then not at all.
func TestAHoldRefusesAndSaysWhy(t *testing.T) {
	t.Parallel()
	l, cat, _ := setup(t, 100, 100)
	if err := l.TakeN(acme, "press", 1); err != nil {
		t.Fatal(err)
	}
	held := tenant(100, 100)
	held.Limits.EventsRefused, held.Limits.EventsReason = true, "the budget is spent"
	cat.SetTenant(held)
	for _, err := range []error{l.TakeN(acme, "press", 1), l.Look(acme, "press", 0), errOf(l.ReserveLate(acme, "press", 1, 0))} {
		var limit *tenancy.LimitError
		if !errors.As(err, &limit) || limit.Maximum != 0 || limit.RetryAfter <= 0 || !strings.Contains(err.Error(), "the budget is spent") {
			t.Errorf("%v", err)
		}
	}
	held = tenant(2, 2)
	held.Limits.EventsReason = "the budget is spent"
	cat.SetTenant(held)
	if err := l.TakeN(acme, "press", 2); err != nil {
		t.Error(err)
	}
	if err := l.TakeN(acme, "press", 2); err == nil || !strings.Contains(err.Error(), "the budget is spent") {
		t.Errorf("%v", err)
	}
	cat.SetTenant(tenant(100, 100))
	if err := l.TakeN(acme, "press", 200); err == nil || strings.Contains(err.Error(), "budget") {
		t.Errorf("%v", err)
	}
}

func errOf(_ any, err error) error { return err }
