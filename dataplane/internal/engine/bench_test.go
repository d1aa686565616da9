package engine

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/telemetry"
)

// sample is frames of 500 events of 50 devices with the nine measurements of the sample payload.
func sample(frames int) []Frame {
	names := []string{"temperature", "humidity", "pressure", "vibration.x", "vibration.y", "vibration.z", "battery", "signal", "accuracy"}
	r := rand.New(rand.NewPCG(1, 1))
	var out []Frame
	for n := range frames {
		f := Frame{Sequence: uint64(n + 1), Time: start + int64(n)*int64(5*time.Millisecond)}
		for i := range 500 {
			e := telemetry.Event{
				Tenant: "a", Device: fmt.Sprintf("device_%02d", i/10), Time: f.Time + int64(i%10), Received: f.Time, HasSequence: true,
				Epoch: "boot", Sequence: uint64(n*10 + i%10), Names: names, Size: 560,
			}
			for range names {
				e.Values = append(e.Values, r.Float64())
			}
			f.Events = append(f.Events, e)
		}
		out = append(out, f)
	}
	return out
}

func BenchmarkStep(b *testing.B) {
	frames := sample(200)
	b.ReportAllocs()
	events := 0
	for b.Loop() {
		state, out := New(DefaultOptions()), &Outputs{}
		for i, f := range frames {
			state.Step(f, out)
			if i%20 == 19 {
				out = &Outputs{}
			}
			events += len(f.Events)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(events), "ns/event")
}

func BenchmarkEncode(b *testing.B) {
	state := New(DefaultOptions())
	for _, f := range sample(100) {
		state.Step(f, &Outputs{})
	}
	var buf []byte
	for b.Loop() {
		buf = state.Encode(buf[:0])
	}
	b.ReportMetric(float64(len(buf))/float64(state.Devices()), "bytes/device")
}
