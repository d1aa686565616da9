package telemetry

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func pressSchema(unknown Unknown) *Schema {
	inf := math.Inf(1)
	return NewSchema("press", []Rule{
		{Name: "temperature", Unit: "°C", Minimum: -40, Maximum: 120},
		{Name: "vibration.x", Minimum: 0, Maximum: inf},
		{Name: "level", Unit: "%", Minimum: -inf, Maximum: 100},
		{Name: "note", Minimum: -inf, Maximum: inf},
	}, unknown)
}

func TestASchemaRefusesWhatCannotBe(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		measurements string
		unknown      Unknown
		reason       Reason
		detail       string
	}{
		{`{"temperature":120,"vibration":{"x":0},"note":1e300}`, UnknownDeadLetter, "", ""},
		{`{"temperature":121}`, UnknownAccept, ReasonOutOfRange, `measurement "temperature" is 121 and device type press allows -40 to 120 °C: check the sensor, or change the type`},
		{`{"temperature":-40.5}`, UnknownDrop, ReasonOutOfRange, `measurement "temperature" is -40.5 and device type press allows -40 to 120 °C: check the sensor, or change the type`},
		{`{"vibration":{"x":-1}}`, UnknownAccept, ReasonOutOfRange, `measurement "vibration.x" is -1 and device type press allows at least 0: check the sensor, or change the type`},
		{`{"level":100.1}`, UnknownAccept, ReasonOutOfRange, `measurement "level" is 100.1 and device type press allows at most 100 %: check the sensor, or change the type`},
		{`{"temprature":20}`, UnknownAccept, "", ""},
		{`{"temprature":20}`, UnknownDeadLetter, ReasonUnknownMeasurement, `measurement "temprature" is none of device type press: leave it out, or add it to the type`},
		{`{"temprature":20}`, UnknownDrop, ReasonUnknownMeasurement, `none of the event's measurements is one of device type press: send those, or add these to the type`},
		{`{"temperature":"warm"}`, UnknownDrop, ReasonWrongType, `"temperature" is a string: send a number, or leave it out`},
		{`{}`, UnknownDrop, ReasonNoMeasurements, `"measurements" is empty: send at least one named number`},
	} {
		source := testSource()
		source.Schema = pressSchema(c.unknown)
		got := NewDecoder(DefaultLimits()).Decode(source, []byte(`{"measurements":`+c.measurements+`}`))
		switch {
		case c.reason == "" && len(got.Events) != 1:
			t.Errorf("%s: %v", c.measurements, got.Invalid)
		case c.reason != "" && (len(got.Invalid) != 1 || got.Invalid[0].Reason != c.reason || got.Invalid[0].Detail != c.detail):
			t.Errorf("%s: %+v", c.measurements, got)
		}
	}
}

func TestASchemaDropsWhatItDoesNotList(t *testing.T) {
	t.Parallel()
	d, source := NewDecoder(DefaultLimits()), testSource()
	payload := []byte(`{"measurements":{"x":1,"temperature":20,"state":"running","vibration":{"x":0.5,"y":[1,2]},"note":3}}`)
	for _, schema := range []*Schema{pressSchema(UnknownDrop), pressSchema(UnknownDrop)} {
		source.Schema = schema
		for range 2 {
			got := d.Decode(source, payload)
			if len(got.Events) != 1 || !cmp.Equal(got.Events[0].Names, []string{"temperature", "vibration.x", "note"}) ||
				!cmp.Equal(got.Events[0].Values, []float64{20, 0.5, 3}) {
				t.Fatalf("got %+v", got)
			}
		}
	}
	source.Schema = nil // what was dropped under another schema counts again
	plain := []byte(`{"measurements":{"x":1,"temperature":500}}`)
	if got := d.Decode(source, plain); len(got.Events) != 1 || !cmp.Equal(got.Events[0].Names, []string{"x", "temperature"}) {
		t.Fatalf("got %+v", got)
	}
	source.Schema = pressSchema(UnknownDeadLetter)
	if got := d.Decode(source, plain); len(got.Invalid) != 1 {
		t.Fatalf("got %+v", got)
	}
}

func TestASchemaThatAcceptsEverythingIsNone(t *testing.T) {
	t.Parallel()
	inf := math.Inf(1)
	if s := NewSchema("press", []Rule{{Name: "a", Unit: "V", Minimum: -inf, Maximum: inf}}, UnknownAccept); s != nil {
		t.Errorf("got %v", s)
	}
}

func TestDecodingWithASchemaAllocatesNothing(t *testing.T) {
	d, payload, source := NewDecoder(DefaultLimits()), []byte(sample), testSource()
	source.Schema = pressSchema(UnknownDrop)
	d.Decode(source, payload)
	if n := testing.AllocsPerRun(100, func() { d.Decode(source, payload) }); n > 0 {
		t.Fatalf("%v allocations", n)
	}
}
