package tenancy_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/millwright-io/millwright/tenancy"
)

// document is where people read the table.
const document = "../docs/limits.md"

const (
	begin = "<!-- The tables are made from tenancy/limit.go and tenancy/plan.go: MILLWRIGHT_UPDATE_DOCS=1 go test ./tenancy -run Document -->\n"
	end   = "<!-- end of the tables -->\n"
)

// TestTheDocumentSaysWhatTheCodeDoes compares the tables of docs/limits.md with the code, or writes them.
func TestTheDocumentSaysWhatTheCodeDoes(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(text), begin)
	old, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has not the two lines between which the tables stand", document)
	}
	if want := tables(); old != want {
		if os.Getenv("MILLWRIGHT_UPDATE_DOCS") == "" {
			t.Fatalf("%s differs from the code: run MILLWRIGHT_UPDATE_DOCS=1 go test ./tenancy -run Document", document)
		}
		if err := os.WriteFile(document, []byte(head+begin+want+end+tail), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func tables() string {
	var b strings.Builder
	b.WriteString("\n| limit | of each | kind | unit | what happens above it | enforced by | notices |\n|---|---|---|---|---|---|---|\n")
	for _, l := range tenancy.Limits() {
		notices := ""
		if l.Notices {
			notices = "80 %, 100 %"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %s | %s |\n", l.Name, l.Scope, l.Kind, l.Unit, l.Trips, l.Where, notices)
	}
	b.WriteString("\nThe same in every plan:\n\n| limit | of each | unit | maximum | what happens above it |\n|---|---|---|---|---|\n")
	for _, l := range tenancy.Bounds() {
		maximum := "as " + l.BoundBy + " says"
		if l.Bound > 0 {
			maximum = strconv.FormatInt(l.Bound, 10)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", l.Name, l.Scope, l.Unit, maximum, l.Trips)
	}
	b.WriteString("\nWhat the plans begin with:\n\n| limit |")
	for _, p := range tenancy.Plans() {
		fmt.Fprintf(&b, " %s |", p.Name)
	}
	b.WriteString("\n|---|---|---|---|---|\n")
	for _, l := range tenancy.Limits() {
		if l.Name == tenancy.LimitGroupEventsPerSecond {
			continue
		}
		fmt.Fprintf(&b, "| `%s` |", l.Name)
		for _, p := range tenancy.Plans() {
			if value := p.Limits[l.Name]; value == 0 && l.ZeroIsNone {
				b.WriteString(" none |")
			} else {
				fmt.Fprintf(&b, " %d |", value)
			}
		}
		b.WriteString("\n")
	}
	b.WriteString("| above `events_per_day` |")
	for _, p := range tenancy.Plans() {
		if p.RefusesOverDay {
			b.WriteString(" refused |")
		} else {
			b.WriteString(" taken |")
		}
	}
	return b.String() + "\n\n"
}

// TestEveryPlanHasEveryLimit: none is forgotten, none is unknown, and a bigger plan allows no less.
func TestEveryPlanHasEveryLimit(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, l := range tenancy.Limits() {
		if seen[l.Name] {
			t.Errorf("%s is there twice", l.Name)
		}
		seen[l.Name] = true
		if l.Title == "" || l.Unit == "" || l.Scope == "" || l.Kind == "" || l.Trips == "" || l.Where == "" {
			t.Errorf("%s is not described in full: %+v", l.Name, l)
		}
		before := int64(0)
		for _, p := range tenancy.Plans() {
			value, ok := p.Limits[l.Name]
			if ok == (l.Name == tenancy.LimitGroupEventsPerSecond) {
				t.Errorf("plan %s and limit %s: %d, %t", p.Name, l.Name, value, ok)
			}
			if l.ZeroIsNone {
				continue
			}
			if value < before || ok && value <= 0 {
				t.Errorf("plan %s allows %d of %s, a smaller one %d", p.Name, value, l.Name, before)
			}
			before = value
		}
	}
	for _, l := range tenancy.Bounds() {
		if seen[l.Name] || l.OfPlans() || l.Title == "" || l.Unit == "" || l.Scope == "" || l.Kind == "" || l.Trips == "" || l.Where == "" {
			t.Errorf("%s is there twice, or is not described in full: %+v", l.Name, l)
		}
	}
	for _, p := range tenancy.Plans() {
		for name := range p.Limits {
			if !seen[name] {
				t.Errorf("plan %s has the unknown limit %s", p.Name, name)
			}
		}
	}
}

func TestOver(t *testing.T) {
	t.Parallel()
	counted, _ := tenancy.LimitNamed(tenancy.LimitDevices)
	free, _ := tenancy.LimitNamed(tenancy.LimitDeviceEventsPerSecond)
	for _, c := range []struct {
		l                      tenancy.Limit
		used, maximum, percent int64
		want                   bool
	}{
		{counted, 79, 100, 80, false},
		{counted, 80, 100, 80, true},
		{counted, 99, 100, 100, false},
		{counted, 100, 100, 100, true},
		{counted, 4, 5, 80, true},
		{counted, 0, 0, 100, false},
		{counted, 1, 0, 100, true},
		{free, 1000, 0, 80, false},
		{counted, 1 << 62, 1 << 62, 100, true},
	} {
		if got := c.l.Over(c.used, c.maximum, c.percent); got != c.want {
			t.Errorf("%s: %d of %d at %d %%: %t", c.l.Name, c.used, c.maximum, c.percent, got)
		}
	}
}
