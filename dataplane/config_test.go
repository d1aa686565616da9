package dataplane

import (
	"strings"
	"testing"
)

func TestATierIsWholeOrAbsent(t *testing.T) {
	t.Parallel()
	for words, c := range map[string]Config{
		"":                                  {StoragePolicy: "tiered", ColdVolume: "cold", ColdAfterDays: 30},
		`storage policy "tiered"`:           {StoragePolicy: "tiered"},
		`cold volume "a'b"`:                 {StoragePolicy: "tiered", ColdVolume: "a'b", ColdAfterDays: 30},
		"cold after 36501 days":             {StoragePolicy: "tiered", ColdVolume: "cold", ColdAfterDays: 36501},
		`storage policy "", cold volume ""`: {ColdAfterDays: 1},
	} {
		cfg := DefaultConfig()
		cfg.StoragePolicy, cfg.ColdVolume, cfg.ColdAfterDays = c.StoragePolicy, c.ColdVolume, c.ColdAfterDays
		err := cfg.Validate()
		if refused := err != nil && strings.Contains(err.Error(), "want all three or none"); refused != (words != "") || refused && !strings.Contains(err.Error(), words) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
