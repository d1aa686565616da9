package price_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/millwright-io/millwright/billing/price"
	"github.com/millwright-io/millwright/tenancy"
)

func TestEveryPlanHasItsPriceInEveryCurrency(t *testing.T) {
	t.Parallel()
	books, err := price.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range books {
		for _, p := range tenancy.Plans() {
			plan, ok := b.Plan(p.Name)
			if !ok || len(plan.Currencies) != 4 {
				t.Errorf("%s, plan %s: %d currencies", b.Version, p.Name, len(plan.Currencies))
			}
		}
	}
	if b, err := books.At(books[0].From); err != nil || b.Version != books[0].Version {
		t.Errorf("at its start: %s, %v", b.Version, err)
	}
	if _, err := books.At(books[0].From.Add(-time.Second)); !errors.Is(err, tenancy.ErrNotFound) {
		t.Errorf("before: %v", err)
	}
}

func TestABookThatContradictsItselfIsRefused(t *testing.T) {
	t.Parallel()
	const good = `{"version":"v","from":"2026-11-01T00:00:00Z","plans":[{"plan":"team","currencies":{"EUR":{"flat":"1","charges":[
		{"meter":"events","model":"graduated","per":1,"tiers":[{"up_to":10,"price":"1"},{"price":"0.5"}]}]}}}]}`
	if _, err := price.Parse([]byte(good)); err != nil {
		t.Fatal(err)
	}
	for change, want := range map[string]string{
		`"version":"v"|"version":""`:                              "needs a version",
		`11-01T|11-02T`:                                           "start of a UTC month",
		`"EUR"|"XAU"`:                                             "no currency that is billed in",
		`"flat":"1"|"flat":"-1"`:                                  "want digits",
		`"flat":"1"|"flat":"1","flut":"2"`:                        "unknown field",
		`"flat":"1"|"flat":"1","minimum":"2","maximum":"1"`:       "less than the minimum",
		`"events"|"steam"`:                                        "there is no meter",
		`"events"|"store_seconds"`:                                "our own cost",
		`graduated|freemium`:                                      "want per_unit, package, graduated or volume",
		`graduated|per_unit`:                                      "tiers: 2, want one",
		`"per":1|"per":0`:                                         "at least 1",
		`{"price":"0.5"}|{"up_to":10,"price":"0.5"}`:              "the last one has no up_to",
		`{"price":"0.5"}|{"up_to":9,"price":"1"},{"price":"0.5"}`: "is not above 10",
	} {
		from, to, _ := strings.Cut(change, "|")
		_, err := price.Parse([]byte(strings.Replace(good, from, to, 1)))
		if !errors.Is(err, tenancy.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", change, err, want)
		}
	}
}
