package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/millwright-io/millwright/e2e/stack"
)

// half is what the bench says of victims.
type half struct {
	Acks, Queries, Refused uint64
	AckP99                 float64 `json:"ack_p99_ms"`
	QueryP99               float64 `json:"query_p99_ms"`
	Reason                 string
}

// Devices of tenants within their quota lose nothing and are refused nothing beside others that offer a hundred times theirs, which are told
// what refused them. The bound on latency is wide: this machine may be busy with anything. MILLWRIGHT_E2E_ISOLATION=20s makes it longer.
func TestHostileTenantsHarmNobodyElse(t *testing.T) {
	long := os.Getenv("MILLWRIGHT_E2E_ISOLATION")
	if long == "" {
		long = "5s"
	}
	ctx, cancel := context.WithTimeout(t.Context(), 6*time.Minute)
	defer cancel()
	var out, says bytes.Buffer
	bench := exec.CommandContext(ctx, stack.Binary(t), "bench", "isolation", "--json", "--victims", "4", "--rounds", "1", "--half", long)
	bench.Stdout, bench.Stderr = &out, &says
	bench.Cancel = func() error { return bench.Process.Signal(os.Interrupt) }
	bench.WaitDelay = time.Minute
	if err := bench.Run(); err != nil {
		t.Fatalf("%v\n%s\n%s", err, out.Bytes(), says.Bytes())
	}
	var result struct {
		Alone   half
		Beside  half                                                   `json:"beside_hostile_tenants"`
		Stored  struct{ Acked, Missing, Duplicate, Unanswered uint64 } `json:"acknowledged_against_stored"`
		Hostile []struct {
			Kind           string
			Offered, Taken uint64
			Refused        map[string]uint64
		}
	}
	if err := json.Unmarshal(out.Bytes(), &result); err != nil {
		t.Fatal(err)
	}
	t.Logf("alone %+v\nbeside %+v\nhostile %+v", result.Alone, result.Beside, result.Hostile)
	if result.Stored.Acked == 0 || result.Alone.Acks == 0 || result.Beside.Acks == 0 {
		t.Errorf("nothing was measured: %s", out.Bytes())
	}
	const wide = 10_000 // ms
	if beside := result.Beside; beside.AckP99 > max(wide, 10*result.Alone.AckP99) || beside.QueryP99 > max(wide, 10*result.Alone.QueryP99) {
		t.Errorf("victims wait too long: alone %+v, beside %+v", result.Alone, beside)
	}
	told := map[string]string{
		"ingest": "events_per_second", "cardinality": "events_per_second", "malformed": "kept as dead letter", "query": "requests_per_second", "live": "live_sessions",
	}
	names := 0
	for _, h := range result.Hostile {
		if h.Offered == 0 {
			t.Errorf("%s offered nothing", h.Kind)
		}
		if h.Refused[told[h.Kind]] > 0 {
			names++
		}
		delete(told, h.Kind)
	}
	// On a machine that is busy enough not every one of them gets as far as its limit.
	if names < 3 {
		t.Errorf("only %d of %d hostile tenants were told by name what refused them", names, len(result.Hostile))
	}
	if len(told) > 0 {
		t.Errorf("no hostile tenant of these kinds: %v", told)
	}
}
