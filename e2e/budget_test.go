package e2e

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/millwright-io/millwright/e2e/stack"
)

// aSpentBudgetRefuses sets a budget that the month's bill is above: the gateway refuses a device's events and says why, until the
// budget is gone. The tenant pays for its plan.
func aSpentBudgetRefuses(t *testing.T, s *stack.Stack) {
	dir := newDevice(t, s, "after_budget")
	client := stack.DeviceHTTP(t, dir)
	sends := func(want int, words string) func() error {
		return func() error {
			status, answer := post(t, client, s.Demo.IngestURL, `{"measurements":{"temperature":21}}`)
			if status != want || !strings.Contains(answer, words) {
				return errors.New(answer)
			}
			return nil
		}
	}
	stack.Eventually(t, 10*time.Second, "the device is taken from", sends(http.StatusAccepted, "accepted"))
	if out := s.Run(t, "budget", "set", "1", "--when-spent", "block"); !strings.Contains(out, "when spent: block") || !strings.Contains(out, "is spent") {
		t.Errorf("budget set says\n%s", out)
	}
	stack.Eventually(t, 10*time.Second, "the gateway refuses and says why", sends(http.StatusTooManyRequests, "the organisation's budget for "))
	if out := s.Run(t, "quota", "list"); !strings.Contains(out, "the organisation's budget for ") {
		t.Errorf("quota list does not say why:\n%s", out)
	}
	if out := s.Run(t, "budget", "notices"); !strings.Contains(out, "actual") {
		t.Errorf("nobody was told:\n%s", out)
	}
	s.Run(t, "budget", "remove")
	stack.Eventually(t, 10*time.Second, "events are taken again", sends(http.StatusAccepted, "accepted"))
}
