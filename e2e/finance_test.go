package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/millwright-io/millwright/e2e/stack"
	tenantv1 "github.com/millwright-io/millwright/proto/gen/millwright/tenant/v1"
	usagev1 "github.com/millwright-io/millwright/proto/gen/millwright/usage/v1"
)

// TestFinanceInTheConsole drives the console in Chromium as somebody of the role finance, who sees money and nothing else, changes
// the plan and finds the previewed bill in the invoice, and as a viewer, who sees no money. Billing lives by the clock of a file.
func TestFinanceInTheConsole(t *testing.T) {
	need(t, "chromium")
	now := time.Now().UTC()
	monthEnd := time.Date(now.Year(), now.Month()+1, 1, 0, 0, 0, 0, time.UTC)
	at := monthEnd.Add(-36 * time.Hour) // some of the month is left, and what was used is of it
	if at.Before(now) {
		at = now
	}
	clock := filepath.Join(t.TempDir(), "clock")
	if err := os.WriteFile(clock, []byte(at.Format(time.RFC3339)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := stack.Start(t, stack.Options{Demo: "plant", Args: []string{"--billing-clock", clock}})
	usage := s.Usage(s.Demo.APIKey)
	stack.Eventually(t, time.Minute, "the ledger has events", func() error {
		res, err := usage.Get(context.Background(), &usagev1.GetRequest{})
		if err != nil || res.GetToday().GetEvents() == 0 {
			return fmt.Errorf("%d events today: %w", res.GetToday().GetEvents(), err)
		}
		return nil
	})
	people := map[string]any{}
	for name, role := range map[string]tenantv1.Role{"finance": tenantv1.Role_ROLE_FINANCE, "viewer": tenantv1.Role_ROLE_VIEWER} {
		p := s.Join(t, name+"@example.com", role)
		people[name] = map[string]string{"email": p.Email, "password": p.Password}
	}
	text, err := json.Marshal(people)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "people.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"e2e/finance.mjs", "--base", s.Demo.ControlURL, "--people", file, "--clock", clock}
	if dir := os.Getenv("MILLWRIGHT_E2E_SCREENSHOTS"); dir != "" {
		args = append(args, "--screenshots", filepath.Join(dir, "finance"))
	}
	cmd := exec.CommandContext(t.Context(), "node", args...)
	cmd.Dir = filepath.Join(stack.Root(), "console")
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatalf("the journey ended with %v", err)
	}
	t.Run("a spent budget refuses events", func(t *testing.T) { aSpentBudgetRefuses(t, s) })
}
