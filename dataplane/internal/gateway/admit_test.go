package gateway

import (
	"testing"

	"github.com/millwright-io/millwright/dataplane/internal/telemetry"
)

func TestALargeMessageCountsByItsSize(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ events, invalid, size, want int }{
		{1, 0, 561, 1},
		{1, 0, 4096, 1},
		{1, 0, 4097, 2},
		{0, 1, 12 << 10, 3},
		{100, 0, 56_100, 100},
		{3, 1, 40_000, 10},
		{0, 0, 1, 1},
	} {
		got := telemetry.Result{Events: make([]telemetry.Event, c.events), Invalid: make([]*telemetry.Invalid, c.invalid)}
		if n := weight(got, c.size); n != c.want {
			t.Errorf("%d events, %d invalid, %d bytes: %d, want %d", c.events, c.invalid, c.size, n, c.want)
		}
	}
}
