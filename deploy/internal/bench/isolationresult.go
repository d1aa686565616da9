package bench

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Isolation is the result of `bench isolation`.
type Isolation struct {
	Machine Machine          `json:"machine"`
	Victims int              `json:"victims"`
	Rounds  int              `json:"rounds"`
	Half    float64          `json:"seconds_a_half"`
	Quota   map[string]int64 `json:"quota_of_each_tenant"`
	Alone   Half             `json:"alone"`
	Beside  Half             `json:"beside_hostile_tenants"`
	// AckRatio and QueryRatio are p99 beside over p99 alone.
	AckRatio   float64   `json:"ack_p99_ratio"`
	QueryRatio float64   `json:"query_p99_ratio"`
	Lost       Lost      `json:"acknowledged_against_stored"`
	Hostile    []Toll    `json:"hostile"`
	Processes  []Process `json:"processes"`
	Elsewhere  float64   `json:"cores_used_by_other_work"`
}

// Half is what the victims felt in the halves of one sort, of all rounds together.
type Half struct {
	Acks     uint64  `json:"acks"`
	AckP50   float64 `json:"ack_p50_ms"`
	AckP99   float64 `json:"ack_p99_ms"`
	Queries  uint64  `json:"queries"`
	QueryP50 float64 `json:"query_p50_ms"`
	QueryP99 float64 `json:"query_p99_ms"`
	// Refused counts messages, Failed queries; Reason is the words of one.
	Refused uint64 `json:"refused"`
	Failed  uint64 `json:"queries_failed"`
	Reason  string `json:"reason,omitempty"`
}

// Lost compares the victims' list of acknowledged events with what is stored.
type Lost struct {
	Acked      uint64 `json:"acked"`
	Missing    uint64 `json:"missing"`
	Duplicate  uint64 `json:"duplicate"`
	Unanswered uint64 `json:"unanswered"`
}

func (r *Isolation) table() []string {
	lines := []string{
		r.Machine.String(),
		fmt.Sprintf("%d victims at %.0f %% of their quota, %d hostile tenants at %d times theirs; %d rounds of %.0f s alone and %.0f s beside; other work: %.2f cores",
			r.Victims, victimShare*100, len(r.Hostile), hostileTimes, r.Rounds, r.Half, r.Half, r.Elsewhere), "",
		fmt.Sprintf("%-8s %8s %12s %12s %9s %12s %12s %8s %8s", "victims", "acks", "ack p50", "ack p99", "queries", "query p50", "query p99", "refused", "failed"),
	}
	for _, h := range []struct {
		name string
		of   Half
	}{{"alone", r.Alone}, {"beside", r.Beside}} {
		lines = append(lines, fmt.Sprintf("%-8s %8d %9.1f ms %9.1f ms %9d %9.1f ms %9.1f ms %8d %8d",
			h.name, h.of.Acks, h.of.AckP50, h.of.AckP99, h.of.Queries, h.of.QueryP50, h.of.QueryP99, h.of.Refused, h.of.Failed))
	}
	lines = append(lines, fmt.Sprintf("%-8s %8s %12.2f %12.2f %9s %12.2f %12.2f", "ratio", "", ratio(r.Beside.AckP50, r.Alone.AckP50), r.AckRatio, "",
		ratio(r.Beside.QueryP50, r.Alone.QueryP50), r.QueryRatio),
		fmt.Sprintf("acknowledged to victims %d, missing %d, twice %d, unanswered %d", r.Lost.Acked, r.Lost.Missing, r.Lost.Duplicate, r.Lost.Unanswered), "",
		fmt.Sprintf("%-12s %12s %12s %12s %10s  %s", "hostile", "offered/s", "taken/s", "held back/s", "errors", "refused/s, by the limit that was named"))
	for _, t := range r.Hostile {
		var why []string
		for _, name := range slices.Sorted(maps.Keys(t.Refused)) {
			why = append(why, fmt.Sprintf("%s %.0f", name, float64(t.Refused[name])/t.Seconds))
		}
		lines = append(lines, fmt.Sprintf("%-12s %12.0f %12.0f %12.0f %10d  %s", t.Kind, float64(t.Offered)/t.Seconds, float64(t.Taken)/t.Seconds,
			float64(t.Held)/t.Seconds, t.Errors, strings.Join(why, ", ")))
	}
	lines = append(lines, "", fmt.Sprintf("%-14s %10s %12s", "process", "CPU", "resident"))
	for _, p := range r.Processes {
		lines = append(lines, fmt.Sprintf("%-14s %8.2f s %9d MB", p.Name, p.CPU, p.Resident>>20))
	}
	return lines
}
