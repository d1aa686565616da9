package billing_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/millwright-io/millwright/billing"
)

// TestTheDocsHaveTheTableOfMeters compares docs/billing.md with the table, row by row.
func TestTheDocsHaveTheTableOfMeters(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/billing.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "## Meters\n")
	section, _, _ := strings.Cut(rest, "\n## ")
	if !found {
		t.Fatal("docs/billing.md has no section on meters")
	}
	var have, want []string
	for line := range strings.Lines(section) {
		if strings.HasPrefix(line, "| `") {
			have = append(have, strings.TrimSpace(line))
		}
	}
	for _, d := range billing.Definitions() {
		unit := d.Unit
		if d.Per > 1 {
			unit = fmt.Sprintf("%s (%d counted)", d.Unit, d.Per)
		}
		if d.Internal {
			unit += ", our cost"
		}
		want = append(want, fmt.Sprintf("| `%s` | %s | %s | %s | %s | %s |", d.Meter, d.What, d.Where, unit, d.Rounding, d.Proof))
	}
	if strings.Join(have, "\n") != strings.Join(want, "\n") {
		t.Errorf("the table of docs/billing.md is\n%s\nand should be\n%s", strings.Join(have, "\n"), strings.Join(want, "\n"))
	}
}

func TestEveryMeterIsDefinedOnce(t *testing.T) {
	t.Parallel()
	seen := map[billing.Meter]bool{}
	for _, d := range billing.Definitions() {
		if seen[d.Meter] || d.Per == 0 || d.What == "" || d.Where == "" || d.Unit == "" || d.Rounding == "" || d.Proof == "" || !d.Meter.Valid() {
			t.Errorf("definition %+v", d)
		}
		seen[d.Meter] = true
	}
	if billing.Meter("dollars").Valid() {
		t.Error("there is a meter of dollars")
	}
}
