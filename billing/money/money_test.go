package money_test

import (
	"errors"
	"math/rand/v2"
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
	if got := money.Amount(-1250).Text("EUR") + " " + money.Amount(1250).Text("JPY"); got != "-12.50 1250" {
		t.Error(got)
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
	if _, err := money.ParseCurrency("XAU"); !errors.Is(err, tenancy.ErrInvalid) {
		t.Errorf("gold: %v", err)
	}
}

func TestPartsSumToTheWhole(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a sequence that repeats is the point
	for range 20_000 {
		total := money.Amount(r.Int64N(1_000_000) - 500_000)
		weights := make([]uint64, 1+r.IntN(9))
		for i := range weights {
			weights[i] = r.Uint64N(1 << r.IntN(63))
		}
		sum := money.Amount(0)
		for i, part := range money.Allocate(total, weights) {
			sum += part
			if (total >= 0 && part < 0) || (total <= 0 && part > 0) {
				t.Fatalf("%d by %v: part %d is %d", total, weights, i, part)
			}
		}
		if sum != total {
			t.Fatalf("%d by %v: the parts sum to %d", total, weights, sum)
		}
	}
	if got := money.Allocate(100, []uint64{1, 1, 1}); got[0] != 34 || got[1] != 33 || got[2] != 33 {
		t.Errorf("100 by three: %v", got)
	}
}
