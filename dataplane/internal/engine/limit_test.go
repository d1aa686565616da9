package engine

import (
	"bytes"
	"strings"
	"testing"
	"time"

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

// TestATenantsSeriesAreBounded counts the names of all its devices, across a snapshot and after devices are forgotten.
func TestATenantsSeriesAreBounded(t *testing.T) {
	t.Parallel()
	const id = tenancy.ID("own")
	state, sequence, now := New(Options{Measurements: 10, OpenAccumulators: 1000, TenantSeries: map[tenancy.ID]int{id: 4}}), uint64(0), start
	take := func(tenant tenancy.ID, device string, names ...string) *DeadLetterRow {
		t.Helper()
		again, err := Decode(state.Encode(nil))
		if err != nil || !bytes.Equal(again.Encode(nil), state.Encode(nil)) || !again.Options().Equal(state.Options()) {
			t.Fatalf("the snapshot is another state: %v", err)
		}
		state = again
		sequence++
		e := telemetry.Event{Tenant: tenant, Device: device, Names: names, Values: make([]float64, len(names)), Time: now, Received: now, HasSequence: true, Sequence: sequence}
		var out Outputs
		state.Step(Frame{Sequence: sequence, Time: now, Events: []telemetry.Event{e}}, &out)
		if out.DeadLetters == 0 {
			return nil
		}
		return &out.Tenants[0].DeadLetters[0]
	}
	if take(id, "press", "a", "b") != nil || take(id, "oven", "a", "b") != nil || take("other", "saw", "a", "b", "c", "d", "e") != nil {
		t.Error("within the limit is refused")
	}
	letter := take(id, "oven", "a", "c")
	if letter == nil || letter.Reason != ReasonSeriesLimit || letter.Current != 4 || letter.Maximum != 4 || !strings.HasPrefix(letter.Detail, "series: the devices") {
		t.Errorf("one name more: %+v", letter)
	}
	if take(id, "oven", "b") != nil || take(id, "press", "b", "a") != nil {
		t.Error("names that are known are refused")
	}
	now += int64(deviceSilence) + 1
	for range 2 * sweepSeconds { // windows are closed, then devices forgotten
		now += int64(time.Second)
		take("other", "saw", "a")
	}
	if letter := take(id, "lathe", "x", "y", "z"); letter != nil {
		t.Errorf("after the devices were forgotten: %+v", letter)
	}
}
