package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/millwright-io/millwright/e2e/stack"
)

const (
	dashboardFile = "../deploy/grafana/millwright.json"
	alertsFile    = "../deploy/prometheus/alerts.yaml"
	runbookFile   = "../docs/operations.md"
)

// everythingWatchedIsThere looks for every metric of the dashboard and of the alerts, with its labels, in what a running tree
// exposes.
func everythingWatchedIsThere(t *testing.T, s *stack.Stack) {
	exposed := map[string]string{} // a sample, by name
	text, deadline := "", time.Now().Add(time.Minute)
	for !strings.Contains(text, "millwright_engine_checkpoint_bytes{") { // what only a partition that has worked has
		if time.Now().After(deadline) {
			t.Fatal("no partition has a checkpoint after a minute")
		}
		<-time.After(50 * time.Millisecond)
		text = get(t, fmt.Sprintf("http://127.0.0.1:%d/metrics", s.PortBase+5))
	}
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			name := line[:strings.IndexAny(line, "{ ")]
			exposed[name] += line + "\n"
		}
	}
	expressions := append(dashboard(t), alerts(t)...)
	used := regexp.MustCompile(`\b(?:millwright|process|go)_[a-z0-9_]+(?:\{[^}]*\})?`)
	by := regexp.MustCompile(`by \(([^)]*)\)`)
	checked := 0
	for _, e := range expressions {
		for _, metric := range used.FindAllString(e, -1) {
			name, matchers, _ := strings.Cut(metric, "{")
			samples, there := exposed[name]
			if !there {
				t.Errorf("nothing exposes %s of %q", name, e)
				continue
			}
			checked++
			for _, pair := range regexp.MustCompile(`([a-z]+)="([^"]*)"`).FindAllStringSubmatch(matchers, -1) {
				if !strings.Contains(samples, pair[0]) {
					t.Errorf("no %s has %s, as %q wants", name, pair[0], e)
				}
			}
			for _, list := range by.FindAllStringSubmatch(e, -1) {
				for label := range strings.SplitSeq(list[1], ",") {
					if label = strings.TrimSpace(label); !strings.Contains(samples, label+`="`) {
						t.Errorf("no %s has a label %s, as %q wants", name, label, e)
					}
				}
			}
		}
	}
	if checked < 45 {
		t.Errorf("only %d metrics are watched", checked)
	}
	if stages := strings.Count(exposed["millwright_stage_seconds_count"], "stage="); stages < 11 {
		t.Errorf("%d stages are timed, want 11", stages)
	}
	if strings.Contains(fmt.Sprint(exposed), s.Demo.TenantID) {
		t.Error("a label names a tenant")
	}
}

// dashboard returns the expressions of the Grafana dashboard.
func dashboard(t *testing.T) (expressions []string) {
	t.Helper()
	var d struct {
		Panels []struct {
			Type, Title string
			Targets     []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(file(t, dashboardFile), &d); err != nil {
		t.Fatalf("%s: %v", dashboardFile, err)
	}
	for _, p := range d.Panels {
		if p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("panel %q shows nothing", p.Title)
		}
		for _, target := range p.Targets {
			expressions = append(expressions, target.Expr)
		}
	}
	return expressions
}

// alerts returns the expressions of the alert rules, after looking that the runbook of each is written.
func alerts(t *testing.T) (expressions []string) {
	t.Helper()
	var anchors []string
	for line := range strings.Lines(string(file(t, runbookFile))) {
		if title, ok := strings.CutPrefix(line, "### "); ok {
			anchors = append(anchors, strings.ReplaceAll(strings.ToLower(strings.TrimSpace(title)), " ", "-"))
		}
	}
	for line := range strings.Lines(string(file(t, alertsFile))) {
		line = strings.TrimSpace(line)
		if e, ok := strings.CutPrefix(line, "expr: "); ok {
			expressions = append(expressions, e)
		}
		if link, ok := strings.CutPrefix(line, "runbook: docs/operations.md#"); ok && !slices.Contains(anchors, link) {
			t.Errorf("%s has no section %q", runbookFile, link)
		}
	}
	return expressions
}

func file(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
