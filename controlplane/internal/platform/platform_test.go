package platform_test

import (
	"testing"

	"github.com/millwright-io/millwright/controlplane/internal/platform"
	"github.com/millwright-io/millwright/tenancy"
)

// TestRaisingAPercentageTurnsAFlagOffForNobody also checks that the share is about what it says.
func TestRaisingAPercentageTurnsAFlagOffForNobody(t *testing.T) {
	t.Parallel()
	for range 2000 {
		id, was := tenancy.NewID(), false
		for percent := range 101 {
			on := platform.Flag{Name: "f", Percent: percent}.On(id)
			if was && !on {
				t.Fatalf("%s lost the flag at %d %%", id, percent)
			}
			was = on
		}
		if !was || (platform.Flag{Name: "f"}).On(id) || !(platform.Flag{Name: "f", Tenants: []tenancy.ID{id}}).On(id) {
			t.Fatalf("%s: 0, 100 or by name", id)
		}
	}
	on := 0
	for range 10_000 {
		if (platform.Flag{Name: "f", Percent: 30}).On(tenancy.NewID()) {
			on++
		}
	}
	if on < 2700 || on > 3300 {
		t.Errorf("30 %% are %d of 10000", on)
	}
}
