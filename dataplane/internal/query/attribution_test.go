package query_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/millwright-io/millwright/dataplane/internal/query"
	"github.com/millwright-io/millwright/dataplane/internal/telemetry"
	"github.com/millwright-io/millwright/tenancy"
)

func TestUsageByDeviceIsWhatWasReceivedInTheRange(t *testing.T) {
	t.Parallel()
	b := setup(t)
	send := func(device string, received time.Time, names ...string) {
		t.Helper()
		b.send(t, received, telemetry.Event{
			Device: device, Time: start.Add(-time.Minute).UnixNano() + received.UnixNano()%1000, MessageID: fmt.Sprint(device, received.UnixNano()),
			Names: names, Values: make([]float64, len(names)),
		})
	}
	for i := range 3 { // in two hours
		send("press", start.Add(time.Duration(i)*25*time.Minute+20*time.Minute), "a", "b")
	}
	send("oven", start.Add(time.Minute), "a")
	send("lathe", start.Add(2*time.Minute), "a")
	send("early", start.Add(-time.Nanosecond), "a")
	send("late", start.Add(2*time.Hour), "a")
	count := func(tenant tenancy.ID) (got []query.DeviceUsage, err error) {
		err = b.service.UsageByDevice(t.Context(), tenant, start, start.Add(2*time.Hour), func(u query.DeviceUsage) { got = append(got, u) })
		return got, err
	}
	got, err := count(b.tenant)
	want := []query.DeviceUsage{
		{Device: "press", Events: 3, Points: 6, Bytes: 300, DeviceHours: 2},
		{Device: "lathe", Events: 1, Points: 1, Bytes: 100, DeviceHours: 1},
		{Device: "oven", Events: 1, Points: 1, Bytes: 100, DeviceHours: 1},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	other := tenancy.NewID()
	if err := b.store.Provision(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	if got, err := count(other); err != nil || len(got) != 0 {
		t.Errorf("another tenant: %+v, %v", got, err)
	}
}
