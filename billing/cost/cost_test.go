package cost_test

import (
	"errors"
	"testing"

	"github.com/millwright-io/millwright/billing"
	"github.com/millwright-io/millwright/billing/cost"
	"github.com/millwright-io/millwright/tenancy"
)

func TestCostIsTheSumOfItsRatesRoundedOnce(t *testing.T) {
	t.Parallel()
	rates, err := cost.Parse([]byte(`{"version":"v","currency":"EUR","rates":[{"meter":"engine_seconds","price":"0.04","per":3600000},{"meter":"storage_raw","price":"0.05","per":1000}]}`))
	if err != nil {
		t.Fatal(err)
	}
	// Half an hour is 0.02, 50 units are 0.0025: 0.0225 is 2 cents. Rounded apart they were 2 and 0.
	for _, c := range []struct {
		used billing.Used
		want int64
	}{
		{nil, 0},
		{billing.Used{billing.MeterEngineSeconds: 1_800_000, billing.MeterStorageRaw: 50}, 2},
		{billing.Used{billing.MeterEngineSeconds: 1_800_000, billing.MeterStorageRaw: 110}, 3},
		{billing.Used{billing.MeterEvents: 1 << 40}, 0},
	} {
		if got, err := rates.Of(c.used); err != nil || int64(got) != c.want {
			t.Errorf("%v costs %d, %v; want %d", c.used, got, err, c.want)
		}
	}
}

func TestRatesThatSayTooLittleAreRefused(t *testing.T) {
	t.Parallel()
	if _, err := cost.Load(); err != nil {
		t.Errorf("the rates of this release: %v", err)
	}
	for name, text := range map[string]string{
		"no currency":     `{"version":"v","rates":[]}`,
		"no version":      `{"currency":"EUR","rates":[]}`,
		"no such meter":   `{"version":"v","currency":"EUR","rates":[{"meter":"dollars","price":"1","per":1}]}`,
		"per nothing":     `{"version":"v","currency":"EUR","rates":[{"meter":"events","price":"1","per":0}]}`,
		"twice":           `{"version":"v","currency":"EUR","rates":[{"meter":"events","price":"1","per":1},{"meter":"events","price":"1","per":1}]}`,
		"something else":  `{"version":"v","currency":"EUR","rates":[],"else":1}`,
		"no rates at all": `rubbish`,
	} {
		if _, err := cost.Parse([]byte(text)); !errors.Is(err, tenancy.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
