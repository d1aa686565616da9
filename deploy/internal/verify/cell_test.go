package verify

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	telemetryv1 "github.com/millwright-io/millwright/proto/gen/millwright/telemetry/v1"
	usagev1 "github.com/millwright-io/millwright/proto/gen/millwright/usage/v1"
)

// books are a store and a ledger; each call of the ledger takes the next count.
type books struct {
	stored    uint64
	counted   []uint64
	different []uint64
}

func (b *books) Recount(_ context.Context, req *telemetryv1.RecountRequest) (*telemetryv1.RecountResponse, error) {
	res := &telemetryv1.RecountResponse{Windows: 4, Hours: []*telemetryv1.HourCount{{Start: req.GetStart(), Events: b.stored}}}
	if len(b.different) > 0 {
		res.Different, b.different = b.different[0], b.different[1:]
	}
	if res.GetDifferent() > 0 {
		res.Examples = []*telemetryv1.WindowDifference{{
			DeviceId: "press_01", Measurement: "temperature", Start: timestamppb.New(at), Recounted: &telemetryv1.WindowSummary{Count: 2, Sum: 3, Min: 1, Max: 2, First: 1, Last: 2},
		}}
	}
	return res, nil
}

func (b *books) Get(_ context.Context, req *usagev1.GetRequest) (*usagev1.GetResponse, error) {
	events := b.counted[0]
	if len(b.counted) > 1 {
		b.counted = b.counted[1:]
	}
	return &usagev1.GetResponse{Hours: []*usagev1.Hour{{Start: req.GetStart(), Events: events}}}, nil
}

var at = time.Date(2026, 11, 24, 10, 30, 0, 0, time.UTC)

func TestCell(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		books books
		want  string
		fails bool
	}{
		"the ledger has what is stored": {books{stored: 7, counted: []uint64{7}}, "windows 4, different 0; events 7, points 0, dead letters 0, bytes 0, drift 0\n", false},
		"events come meanwhile":         {books{stored: 7, counted: []uint64{5, 9}}, "windows 4, different 0; events 7, points 0, dead letters 0, bytes 0, drift 0\n", false},
		"one too few in the ledger":     {books{stored: 7, counted: []uint64{6}}, "drift: events in the hour from 2026-11-24T10:00:00Z: the ledger has 6, stored are 7\n", true},
		"one too many in the ledger":    {books{stored: 7, counted: []uint64{8}}, "drift 1\n", true},
		"a window that stays different": {
			books{stored: 7, counted: []uint64{7}, different: []uint64{1}},
			"different: device press_01, temperature, window from 2026-11-24T10:30:00Z: stored nothing, recounted count 2, sum 3, min 1, max 2, first 1, last 2\n", true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			err := Cell(t.Context(), &c.books, &c.books, 10*time.Minute, -time.Second, &out, func() time.Time { return at })
			if (err != nil) != c.fails || !strings.Contains(out.String(), c.want) {
				t.Errorf("error %v, printed\n%swant\n%s", err, out.String(), c.want)
			}
		})
	}
}

func TestCellWaitsForWhatIsOnItsWay(t *testing.T) {
	t.Parallel()
	b := books{stored: 7, counted: []uint64{6, 6, 7}, different: []uint64{2, 0}}
	var out bytes.Buffer
	if err := Cell(t.Context(), &b, &b, 10*time.Minute, time.Minute, &out, func() time.Time { return at }); err != nil {
		t.Errorf("%v\n%s", err, out.String())
	}
}
