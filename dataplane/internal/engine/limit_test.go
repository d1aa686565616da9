package engine

import (
	"bytes"
	"strings"
	"testing"

	"github.com/millwright-io/millwright/dataplane/internal/telemetry"
	"github.com/millwright-io/millwright/tenancy"
)

// TestATenantsOwnLimitOfMeasurementsHolds raises and lowers it, each time across a snapshot, beside a tenant without one.
func TestATenantsOwnLimitOfMeasurementsHolds(t *testing.T) {
	t.Parallel()
	const own, other = tenancy.ID("own"), tenancy.ID("other")
	state, sequence := New(Options{Measurements: 2, OpenAccumulators: 1000, TenantMeasurements: map[tenancy.ID]int{own: 3}}), uint64(0)
	take := func(id tenancy.ID, names ...string) *DeadLetterRow {
		t.Helper()
		again, err := Decode(state.Encode(nil))
		if err != nil || !bytes.Equal(again.Encode(nil), state.Encode(nil)) || !again.Options().Equal(state.Options()) {
			t.Fatalf("the snapshot is another state: %v", err)
		}
		state = again
		sequence++
		e := telemetry.Event{Tenant: id, Device: "press", Names: names, Values: make([]float64, len(names)), Time: start, Received: start, HasSequence: true, Sequence: sequence}
		var out Outputs
		state.Step(Frame{Sequence: sequence, Time: start, Events: []telemetry.Event{e}}, &out)
		if out.DeadLetters == 0 {
			return nil
		}
		return &out.Tenants[0].DeadLetters[0]
	}
	set := func(limits map[tenancy.ID]int) {
		o := state.Options()
		o.TenantMeasurements = limits
		state.SetOptions(o)
	}
	if take(own, "a", "b", "c") != nil || take(other, "a", "b") != nil {
		t.Error("within the limit is refused")
	}
	letter := take(own, "d")
	if letter == nil || letter.Current != 3 || letter.Maximum != 3 || !strings.HasPrefix(letter.Detail, "measurements_per_device: the device has used 3") {
		t.Errorf("above its own limit: %+v", letter)
	}
	if letter = take(other, "c"); letter == nil || letter.Maximum != 2 {
		t.Errorf("the other above everybody's: %+v", letter)
	}
	if set(map[tenancy.ID]int{own: 4}); take(own, "d") != nil {
		t.Error("refused after the limit was raised")
	}
	set(map[tenancy.ID]int{own: 1, other: 3})
	if take(own, "b", "d") != nil || take(own, "a") != nil {
		t.Error("a lowered limit takes names away")
	}
	if letter = take(own, "a", "e"); letter == nil || letter.Current != 4 || letter.Maximum != 1 {
		t.Errorf("above the lowered limit: %+v", letter)
	}
	if take(other, "c") != nil {
		t.Error("refused after an override was made")
	}
	if set(nil); take(own, "f") == nil {
		t.Error("taken after the override ended")
	}
}
