package dataplane

import (
	"testing"

	"github.com/millwright-io/millwright/dataplane/internal/catalog"
)

func TestAPartitionsShareOfSeries(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		series                      int64
		perDevice, partitions, want int
	}{
		{1000, 512, 1, 1000},
		{1000, 512, 2, 1000},
		{1000, 512, 8, 512},       // room for one device
		{200_000, 512, 8, 50_000}, // twice an equal part
		{300, 512, 8, 300},        // never more than the whole
		{10, 4096, 4, 10},
	} {
		o := &engineOptions{most: 2048, partitions: c.partitions}
		if got := o.share(catalog.Limits{Series: c.series, MeasurementsPerDevice: c.perDevice}); got != c.want {
			t.Errorf("%d series, %d a device, %d partitions: a partition may have %d, want %d", c.series, c.perDevice, c.partitions, got, c.want)
		}
	}
}
