package engine

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/telemetry"
	"github.com/millwright-io/millwright/tenancy"
)

// mostBytes is what one measurement of one device may take, its part of the device, its windows and the tenant included.
const mostBytes = 400

// BenchmarkMemory is a large cell: 200 tenants with 100 000 devices of 9 measurements, each with the minute at hand and the
// one before it open.
func BenchmarkMemory(b *testing.B) {
	const tenants, devices = 200, 500
	for b.Loop() {
		before := heap()
		s := fleet(tenants, devices)
		bytes := float64(heap()-before) / (tenants * devices * 9)
		open := 0
		for _, d := range s.devices {
			open += len(d.windows)
		}
		b.ReportMetric(bytes, "bytes/measurement")
		b.ReportMetric(bytes*tenants*devices*9/(1<<20), "MB")
		b.ReportMetric(float64(open)/float64(s.Devices()), "windows/device")
		if s.Devices() != tenants*devices || open != 2*s.Devices() || bytes > mostBytes {
			b.Fatalf("%d devices, %d open windows, %.0f bytes a measurement: want %d, %d, at most %d", s.Devices(), open, bytes, tenants*devices, 2*tenants*devices, mostBytes)
		}
		runtime.KeepAlive(s)
	}
}

// fleet has sent two events a device, a minute apart. Names come from the log each time anew, as they do there.
func fleet(tenants, devices int) *State {
	s := New(DefaultOptions())
	sequence := uint64(0)
	for minute := range 2 {
		at := start + int64(minute)*int64(time.Minute)
		for t := range tenants {
			sequence++
			f := Frame{Sequence: sequence, Time: at}
			for d := range devices {
				e := telemetry.Event{
					Tenant: tenancy.ID(fmt.Sprintf("tenant_%03d", t)), Device: fmt.Sprintf("press_%04d", d), Time: at, Received: at, HasSequence: true, Epoch: "boot",
					Sequence: uint64(minute + 1), Values: make([]float64, 9), Size: 560,
				}
				for i := range e.Values {
					e.Names, e.Values[i] = append(e.Names, fmt.Sprintf("measurement_%d", i)), float64(d+i)
				}
				f.Events = append(f.Events, e)
			}
			s.Step(f, &Outputs{})
		}
	}
	return s
}
