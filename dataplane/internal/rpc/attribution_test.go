package rpc_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/query"
	"github.com/millwright-io/millwright/dataplane/internal/rpc"
	"github.com/millwright-io/millwright/tenancy"
)

func TestBeyondTheMostSharesTheRestIsOne(t *testing.T) {
	t.Parallel()
	var list []query.DeviceUsage
	for i := range rpc.MaxShares + 3 {
		list = append(list, query.DeviceUsage{Device: fmt.Sprint(i), Events: 2, Points: 4, Bytes: 200, DeviceHours: 1})
	}
	list = append(list, query.DeviceUsage{Device: "7", Events: 5})
	shares, other := rpc.AddUp(list)
	if len(shares) != rpc.MaxShares || shares[7].GetEvents() != 7 || shares[7].GetKey() != "7" {
		t.Errorf("%d shares, %v", len(shares), shares[7])
	}
	if other.GetEvents() != 6 || other.GetPoints() != 12 || other.GetBytes() != 600 || other.GetDeviceHours() != 3 || other.GetDevices() != 3 {
		t.Errorf("the rest: %v", other)
	}
}

func TestAMonthIsAttributableAndAQuarterIsNot(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
	for _, end := range []time.Time{start.Add(time.Hour), start.AddDate(0, 1, 0), start.AddDate(0, 0, 35)} {
		if err := rpc.Attributable(start, end); err != nil {
			t.Error(err)
		}
	}
	for _, end := range []time.Time{start, start.Add(-time.Hour), start.AddDate(0, 0, 35).Add(time.Hour)} {
		if err := rpc.Attributable(start, end); !errors.Is(err, tenancy.ErrInvalid) {
			t.Errorf("until %s: %v", end, err)
		}
	}
	if err := rpc.Attributable(time.Date(1800, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(1800, 1, 2, 0, 0, 0, 0, time.UTC)); !errors.Is(err, tenancy.ErrInvalid) {
		t.Error(err)
	}
}
