package trace

import (
	"context"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/millwright-io/millwright/tenancy"
)

func TestWhatIsNotFollowedCostsNothing(t *testing.T) { //nolint:paralleltest // allocations are the process's
	var none *Tracer
	ctx, now, header := t.Context(), time.Now(), http.Header{"Traceparent": {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}}
	s, err := newSampler(func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	s.ratio, s.askable = 1e-18, false
	unlucky := &Tracer{sampler: s}
	for name, tracer := range map[string]*Tracer{"off": none, "on, not chosen": unlucky} {
		if n := testing.AllocsPerRun(1000, func() {
			span := tracer.Message("acme", "press", "mqtt", tracer.Header(header), now)
			span.Stage("decode", now, now)
			if From(With(ctx, span)) != nil {
				t.Fail()
			}
			span.End(now, nil)
		}); n != 0 {
			t.Errorf("%s: %.0f allocations", name, n)
		}
	}
}

func BenchmarkMessage(b *testing.B) {
	s, err := newSampler(func(string) string { return "" })
	if err != nil {
		b.Fatal(err)
	}
	s.ratio = 1e-18
	now := time.Now()
	for name, tracer := range map[string]*Tracer{"off": nil, "not chosen": {sampler: s}} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				span := tracer.Message("acme", "press", "mqtt", "", now)
				span.Stage("decode", now, now)
				span.End(now, nil)
			}
		})
	}
}

func TestADeviceThatAlwaysAsksTakesNoOthersPlace(t *testing.T) {
	t.Parallel()
	s, err := newSampler(func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	s.ratio = 0
	now := time.Unix(1000, 0)
	count := func(tenant tenancy.ID, asked bool, at time.Time) (n int) {
		for range 1000 {
			if s.take(tenant, asked, at) {
				n++
			}
		}
		return n
	}
	if n := count("greedy", true, now); n != mostOfTenant {
		t.Errorf("%d of the greedy tenant, want %d", n, mostOfTenant)
	}
	if n := count("modest", true, now); n != mostOfTenant {
		t.Errorf("%d of the other, want %d", n, mostOfTenant)
	}
	all := 2 * mostOfTenant
	for i := range 100 {
		all += count(tenancy.ID(rune('a'+i)), true, now)
	}
	if all != mostAsked {
		t.Errorf("%d asked for, want %d", all, mostAsked)
	}
	s.ratio = 1
	if n := count("x", false, now); n != most-mostAsked {
		t.Errorf("%d besides, want %d", n, most-mostAsked)
	}
	if n := count("greedy", true, now.Add(time.Second)); n != mostOfTenant {
		t.Errorf("%d in the next second", n)
	}
}

func TestTheStandardVariablesSayWhoIsFollowed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, argument string
		ratio          float64
		askable, ok    bool
	}{
		{"", "", usualRatio, true, true},
		{"always_on", "", 1, false, true},
		{"parentbased_traceidratio", "0.25", 0.25, true, true},
		{"traceidratio", "2", 0, false, false},
		{"traceidratio", "NaN", 0, false, false},
		{"parentbased_always_off", "", 0, true, true},
		{"jaeger_remote", "", 0, false, false},
	} {
		s, err := newSampler(func(key string) string {
			return map[string]string{"OTEL_TRACES_SAMPLER": c.name, "OTEL_TRACES_SAMPLER_ARG": c.argument}[key]
		})
		if (err == nil) != c.ok || c.ok && (s.ratio != c.ratio || s.askable != c.askable) {
			t.Errorf("%s %s: %+v, %v", c.name, c.argument, s, err)
		}
	}
}

func TestADevicesOwnTraceIsReadWithCare(t *testing.T) {
	t.Parallel()
	const trace, span = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	for text, want := range map[string]bool{
		"00-" + trace + "-" + span + "-01":                             true,
		"00-" + trace + "-" + span + "-00":                             false,
		"01-" + trace + "-" + span + "-03-more":                        true,
		"00-" + trace + "-" + span + "-01-more":                        false,
		"ff-" + trace + "-" + span + "-01":                             false,
		"00-00000000000000000000000000000000-" + span + "-01":          false,
		"00-0AF7651916CD43DD8448EB211C80319C-" + span + "-01":          false,
		"00-" + trace + "-" + span + "-zz":                             false,
		"00-" + trace + "-" + span:                                     false,
		"":                                                             false,
		"00-" + trace + "-" + span + "-01" + string(make([]byte, 300)): false,
	} {
		c, ok := asked(text)
		if ok != want || ok && c.String() != trace+"-"+span {
			t.Errorf("%.80q: %v %s", text, ok, c)
		}
		if again, same := ParseContext(c.String()); same != c.Valid() || again != c && same {
			t.Errorf("%s does not survive its text", c)
		}
	}
}

func TestWithoutAnEndpointThereIsNoTracer(t *testing.T) { //nolint:paralleltest // it sets variables
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "")
	t.Setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "")
	tracer, err := Open(context.Background(), "local", "1", slog.New(slog.DiscardHandler))
	if tracer != nil || err != nil || tracer.Close() != nil {
		t.Errorf("%v, %v", tracer, err)
	}
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
	t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
	if _, err := Open(context.Background(), "local", "1", slog.New(slog.DiscardHandler)); err == nil {
		t.Error("grpc is taken")
	}
}
