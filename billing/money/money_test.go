package money_test

import (
	"errors"
	"testing"

	"github.com/millwright-io/millwright/billing/money"
	"github.com/millwright-io/millwright/tenancy"
)

func TestHalvesGoToEven(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]money.Amount{"0.005": 0, "0.015": 2, "0.025": 2, "0.0250000000001": 3, "1.004999": 100, "12.50": 1250} {
		if got, err := money.MustPrice(text).Of(1, 1).Round("EUR"); err != nil || got != want {
			t.Errorf("%s: %d, %v; want %d", text, got, err, want)
		}
	}
}

func TestWhatIsNoPriceIsRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", ".", "-1", "+1", "1e9", "1,5", "NaN", "1.2.3", " 1", "0x10", "123456789012345678901234"} {
		if p, err := money.ParsePrice(text); !errors.Is(err, tenancy.ErrInvalid) {
			t.Errorf("%q: %s, %v", text, p, err)
		}
	}
	if _, err := money.MustPrice("99999999999999999999").Of(1<<63, 1).Round("EUR"); !errors.Is(err, tenancy.ErrInvalid) {
		t.Errorf("more than can be billed: %v", err)
	}
	if money.Currency("XAU").Valid() {
		t.Error("gold is a currency that is billed in")
	}
}
