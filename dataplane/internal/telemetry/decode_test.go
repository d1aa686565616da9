package telemetry

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/millwright-io/millwright/tenancy"
)

// sample is a device message as the documentation shows it.
const sample = `{"deviceId":"sensor_12345","deviceType":"temperature_sensor","timestamp":"2024-01-15T10:30:00.000Z",` +
	`"location":{"facility":"factory_01","line":"assembly_line_A","station":"station_05","coordinates":{"lat":37.7749,"lon":-122.4194}},` +
	`"measurements":{"temperature":72.5,"humidity":45.2,"pressure":1013.25,"vibration":{"x":0.02,"y":0.01,"z":0.03},"current":12.75,"speed":1480,"load":0.635},` +
	`"metadata":{"firmware_version":"1.2.3","battery_level":85,"signal_strength":-45,"last_maintenance":"2024-01-10T08:00:00.000Z"},` +
	`"quality":{"accuracy":99.5,"status":"operational"}}`

var received = time.Date(2024, 1, 15, 10, 30, 1, 0, time.UTC)

func testSource() Source {
	return Source{Tenant: "aaaaaaaaaaaaaaaa", Device: "sensor_12345", Received: received.UnixNano(), Horizon: 10 * 365 * 24 * time.Hour}
}

func decode(t *testing.T, payload string) Result {
	t.Helper()
	return NewDecoder(DefaultLimits()).Decode(testSource(), []byte(payload))
}

func TestSampleDecodesWhole(t *testing.T) {
	t.Parallel()
	got := decode(t, " "+sample+"\n")
	want := Event{
		Tenant: "aaaaaaaaaaaaaaaa", Device: "sensor_12345", Time: received.Add(-time.Second).UnixNano(), Received: received.UnixNano(),
		Names:  []string{"temperature", "humidity", "pressure", "vibration.x", "vibration.y", "vibration.z", "current", "speed", "load"},
		Values: []float64{72.5, 45.2, 1013.25, 0.02, 0.01, 0.03, 12.75, 1480, 0.635},
		Attributes: `{"location":{"facility":"factory_01","line":"assembly_line_A","station":"station_05","coordinates":{"lat":37.7749,"lon":-122.4194}},` +
			`"metadata":{"firmware_version":"1.2.3","battery_level":85,"signal_strength":-45,"last_maintenance":"2024-01-10T08:00:00.000Z"},` +
			`"quality":{"accuracy":99.5,"status":"operational"}}`,
		Size: uint32(len(sample)),
	}
	if len(got.Invalid) > 0 || len(got.Events) != 1 {
		t.Fatalf("got %d events, invalid %v", len(got.Events), got.Invalid)
	}
	want.Hash = got.Events[0].Hash
	if diff := cmp.Diff(want, got.Events[0]); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
}

func TestIDs(t *testing.T) {
	t.Parallel()
	got := decode(t, `{"messageId":"a\u00e9\n"}`)
	if len(got.Invalid) != 1 || got.Invalid[0].Reason != ReasonMessageID {
		t.Fatalf("control character in an id: %+v", got.Invalid)
	}
	got = decode(t, `{"messageId":"a\u00e9\ud83d\ude00","sequence":18446744073709551615,"epoch":"boot-7","measurements":{"on":true,"off":false}}`)
	if len(got.Events) != 1 {
		t.Fatal(got.Invalid)
	}
	ev := got.Events[0]
	if ev.MessageID != "aé😀" || ev.Sequence != math.MaxUint64 || !ev.HasSequence || ev.Epoch != "boot-7" || ev.Time != ev.Received {
		t.Fatalf("got %+v", ev)
	}
	if !cmp.Equal(ev.Values, []float64{1, 0}) {
		t.Fatalf("booleans became %v", ev.Values)
	}
}

func TestTimestamps(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]time.Time{
		`"2024-01-15T10:29:59.123456789Z"`: time.Date(2024, 1, 15, 10, 29, 59, 123456789, time.UTC),
		`"2024-01-15T11:30:00+01:00"`:      time.Date(2024, 1, 15, 10, 30, 0, 0, time.UTC),
		`1705314600123`:                    time.Date(2024, 1, 15, 10, 30, 0, 123e6, time.UTC),
		`"2024-01-15T10:39:00Z"`:           time.Date(2024, 1, 15, 10, 39, 0, 0, time.UTC),
		`"2014-02-15T10:30:00Z"`:           time.Date(2014, 2, 15, 10, 30, 0, 0, time.UTC),
		`null`:                             received,
	} {
		got := decode(t, `{"timestamp":`+in+`,"measurements":{"a":1}}`)
		if len(got.Events) != 1 || got.Events[0].Time != want.UnixNano() {
			t.Errorf("timestamp %s: %+v %v", in, got.Events, got.Invalid)
		}
	}
}

func TestBadEventsSayWhy(t *testing.T) {
	t.Parallel()
	m := func(v string) string { return `{"measurements":` + v + `}` }
	deep := strings.Repeat(`{"a":`, 8) + "1" + strings.Repeat("}", 8)
	cases := []struct {
		payload string
		reason  Reason
		detail  string
	}{
		{``, ReasonEmpty, "the payload has no event: send one JSON object, an array of them, or one a line"},
		{` [ ] `, ReasonEmpty, "no event"},
		{`{"measurements":{"a":1`, ReasonCutOff, "the JSON ends at byte 22 where a comma or } is due: send the whole object"},
		{`{"measurements":{"a":1}`, ReasonCutOff, "comma or }"},
		{`{"measurements":{"a`, ReasonCutOff, "end of a string"},
		{`[` + m(`{"a":"x"}`), ReasonWrongType, ""},
		{`{"a" 1}`, ReasonInvalidJSON, "byte 5 is '1' where a colon is due: send valid JSON"},
		{`{"a":01}`, ReasonInvalidJSON, "leading zeros"},
		{`{"a":1.}`, ReasonInvalidJSON, "a digit"},
		{`{"a":"\x"}`, ReasonInvalidJSON, "an escape"},
		{"{\"a\":\"\n\"}", ReasonInvalidJSON, "control character"},
		{`{"a":1,}`, ReasonInvalidJSON, "a field name"},
		{`hello`, ReasonInvalidJSON, "byte 0 is 'h' where a JSON object is due"},
		{"{\"a\":\"\xff\"}", ReasonInvalidUTF8, "the event is not valid UTF-8: send UTF-8"},
		{`7`, ReasonWrongType, "the event is a number: send a JSON object"},
		{`{"x":` + deep + `}`, ReasonTooDeep, "objects nest deeper than 8"},
		{m(deep), ReasonTooDeep, "objects nest deeper than 8"},
		{m(`3`), ReasonWrongType, `"measurements" is a number: send an object of named numbers`},
		{m(`{}`), ReasonNoMeasurements, `"measurements" is empty: send at least one named number`},
		{m(`{"a":{}}`), ReasonNoMeasurements, "is empty"},
		{`{"measurement":{"a":1}}`, ReasonMissing, `the event has no "measurements"`},
		{m(`{"a":"72.5"}`), ReasonWrongType, `"a" is a string: send a number, or leave it out`},
		{m(`{"a":null}`), ReasonWrongType, `"a" is null`},
		{m(`{"a":[1]}`), ReasonWrongType, `"a" is an array`},
		{m(`{"a":NaN}`), ReasonNotFinite, `measurement "a" is NaN: send a finite number, or leave it out`},
		{m(`{"v":{"a":-Infinity}}`), ReasonNotFinite, `measurement "v.a" is -Infinity`},
		{m(`{"a":1e999}`), ReasonNotFinite, `measurement "a": 1e999 is beyond what a 64-bit float holds: send a finite number`},
		{m(`{"a":1,"a":2}`), ReasonDuplicate, `measurement "a" comes twice: send each once`},
		{m(`{"a.b":1,"a":{"b":2}}`), ReasonDuplicate, `measurement "a.b" comes twice`},
		{m(`{"":1}`), ReasonName, "empty name"},
		{m(`{"a\u0007":1}`), ReasonName, "control character"},
		{m(`{"` + strings.Repeat("n", 129) + `":1}`), ReasonName, "is 129 bytes and 128 are allowed: shorten it"},
		{m(manyMeasurements(513)), ReasonManyMeasurements, "the event has more than 512 measurements: send them in several events"},
		{`{"epoch":"a","epoch":"b"}`, ReasonDuplicateField, `field "epoch" comes twice`},
		{`{"deviceId":"other","measurements":{"a":1}}`, ReasonDeviceMismatch, `deviceId is "other" and the certificate is of "sensor_12345"`},
		{`{"deviceId":4}`, ReasonWrongType, `"deviceId" is a number`},
		{`{"timestamp":"yesterday"}`, ReasonTimestamp, `timestamp "yesterday" is not RFC 3339: send one like 2024-01-15T10:30:00.000Z`},
		{`{"timestamp":"2024-01-15"}`, ReasonTimestamp, ""},
		{`{"timestamp":"2024-01-15T24:30:00Z"}`, ReasonTimestamp, ""},
		{`{"timestamp":1.5}`, ReasonTimestamp, "not whole Unix milliseconds"},
		{`{"timestamp":true}`, ReasonWrongType, ""},
		{`{"timestamp":"1970-01-01T00:00:00Z"}`, ReasonTooOld, "timestamp 1970-01-01T00:00:00Z is more than 3650 days before its receipt: set the device's clock, or raise the horizon"},
		{`{"timestamp":1705314600}`, ReasonTooOld, "1970-01-20"},
		{`{"timestamp":"2025-01-15T10:30:00Z"}`, ReasonFuture, "timestamp 2025-01-15T10:30:00Z is more than 10m0s after its receipt at 2024-01-15T10:30:01Z: set the device's clock"},
		{`{"timestamp":"9999-12-31T23:59:59Z"}`, ReasonFuture, ""},
		{`{"timestamp":9223372036854775807}`, ReasonFuture, "of year"},
		{`{"timestamp":-9223372036854775808}`, ReasonTooOld, "of year"},
		{`{"messageId":""}`, ReasonMessageID, "messageId is 0 bytes: send 1 to 128"},
		{`{"messageId":7}`, ReasonWrongType, ""},
		{`{"sequence":-1}`, ReasonSequence, "sequence is -1: send a whole number"},
		{`{"sequence":18446744073709551616}`, ReasonSequence, ""},
		{`{"sequence":"1"}`, ReasonWrongType, ""},
		{`{"epoch":"` + strings.Repeat("e", 65) + `"}`, ReasonEpoch, "epoch is 65 bytes: send 1 to 64"},
		{`{"measurements":{"a":1},"location":"` + strings.Repeat("l", 8200) + `"}`, ReasonAttributesTooLarge, "8192 are allowed: send less"},
		{strings.Repeat(" ", 256<<10) + "{}", ReasonTooLarge, "the payload is 262146 bytes and 262144 are allowed: send fewer events at once"},
	}
	d := NewDecoder(DefaultLimits())
	for _, c := range cases {
		got := d.Decode(testSource(), []byte(c.payload))
		if len(got.Events) != 0 || len(got.Invalid) == 0 {
			t.Errorf("%.60s: %d events, %d invalid", c.payload, len(got.Events), len(got.Invalid))
			continue
		}
		bad := got.Invalid[0]
		if bad.Reason != c.reason || !strings.Contains(bad.Detail, c.detail) {
			t.Errorf("%.60s: got %s: %s", c.payload, bad.Reason, bad.Detail)
		}
		if !errors.Is(bad, tenancy.ErrInvalid) || !strings.Contains(c.payload, string(bad.Payload)) || len(bad.Payload) == 0 && c.payload != "" {
			t.Errorf("%.60s: payload %q", c.payload, bad.Payload)
		}
	}
}

func manyMeasurements(n int) string {
	var sb strings.Builder
	for i := range n {
		fmt.Fprintf(&sb, `,"m%d":%d`, i, i)
	}
	return "{" + sb.String()[1:] + "}"
}

func TestGoodEventsSurviveBadOnes(t *testing.T) {
	t.Parallel()
	good := func(n int) string { return fmt.Sprintf(`{"measurements":{"a":%d}}`, n) }
	cases := []struct {
		name, payload string
		good          []float64
		bad           map[int]string
	}{
		{
			"array", `[` + good(0) + `,{"measurements":{"a":NaN}}, ` + good(2) + ` , 7,` + good(4) + `]`,
			[]float64{0, 2, 4},
			map[int]string{1: `{"measurements":{"a":NaN}}`, 3: `7`},
		},
		{"array cut off in an event", `[` + good(0) + `,{"measurements":{"a`, []float64{0}, map[int]string{1: `{"measurements":{"a`}},
		{"array cut off behind an event", `[` + good(0), []float64{0}, map[int]string{1: `[` + good(0)}},
		{"array without a comma", `[` + good(0) + good(1) + `]`, []float64{0}, map[int]string{1: good(1) + `]`}},
		{"array with something behind it", `[` + good(0) + `] x`, []float64{0}, map[int]string{1: `x`}},
		{"lines", good(0) + "\r\n{\"measurements\":{}}\n\n" + good(2) + "\n", []float64{0, 2}, map[int]string{1: `{"measurements":{}}`}},
		{"lines, one cut off", good(0) + "\n{\"measurements\":{\"a\":\n" + good(2), []float64{0, 2}, map[int]string{1: `{"measurements":{"a":`}},
		{
			"lines, one not UTF-8", good(0) + "\n{\"x\":\"\xff\",\"measurements\":{\"a\":1}}\n" + good(2),
			[]float64{0, 2},
			map[int]string{1: "{\"x\":\"\xff\",\"measurements\":{\"a\":1}}"},
		},
		{"lines, garbage behind one", good(0) + "garbage\n" + good(2), []float64{0, 2}, map[int]string{1: "garbage"}},
		{"brackets in strings", `[{"x":"]}","measurements":3},` + good(1) + `]`, []float64{1}, map[int]string{0: `{"x":"]}","measurements":3}`}},
	}
	for _, c := range cases {
		got := decode(t, c.payload)
		values := []float64{}
		for _, ev := range got.Events {
			values = append(values, ev.Values...)
		}
		bad := map[int]string{}
		for _, e := range got.Invalid {
			bad[e.Index] = string(e.Payload)
		}
		if diff := cmp.Diff(c.good, values) + cmp.Diff(c.bad, bad); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestManyInvalidEventsAreRefusedAsOne(t *testing.T) {
	t.Parallel()
	got := decode(t, `[`+strings.Repeat("1,", 5000)+`1]`)
	if len(got.Invalid) != invalidKept+1 || got.Invalid[invalidKept].Reason != ReasonManyInvalid {
		t.Fatalf("%d refused, last %+v", len(got.Invalid), got.Invalid[len(got.Invalid)-1])
	}
}

func TestNumbersAreTheNearestFloat(t *testing.T) {
	t.Parallel()
	d := NewDecoder(DefaultLimits())
	rnd := rand.New(rand.NewPCG(1, 2))
	texts := []string{
		"0", "-0", "0.1", "9007199254740993", "123456789012345678901234567890", "1e22", "1e23", "4.9e-324", "1e-400",
		"2.2250738585072011e-308", "1.7976931348623157e308", "179769313486231570000e288", "0.000000000000000000000001", "1E+2", "100000000000000000.5",
	}
	for range 20_000 {
		v := math.Float64frombits(rnd.Uint64())
		if math.IsNaN(v) || math.IsInf(v, 0) {
			continue
		}
		texts = append(texts, strconv.FormatFloat(v, 'g', -1, 64), strconv.FormatFloat(rnd.NormFloat64()*1000, 'f', rnd.IntN(17), 64))
	}
	for _, text := range texts {
		want, _ := strconv.ParseFloat(text, 64)
		got := d.Decode(testSource(), []byte(`{"measurements":{"a":`+text+`}}`))
		if len(got.Events) != 1 || math.Float64bits(got.Events[0].Values[0]) != math.Float64bits(want) {
			t.Fatalf("%s: got %+v %v", text, got.Events, got.Invalid)
		}
	}
}

func TestRememberedPartsNeverLeakIntoOtherEvents(t *testing.T) {
	t.Parallel()
	d := NewDecoder(DefaultLimits())
	parts := []string{
		``, `"location":{"a":1},`, `"location":{"a":12},`, `"location":1,`, `"location":12,`, `"quality":"x",`,
		`"quality":"x","location": { "a" : "\" b" },`, `"location":null,`, `"location":{"a":1},"measurements":7,`,
	}
	names := []string{`"a":1`, `"a":1,"b":2`, `"b":1,"a":2`, `"a":{"b":1}`, `"c":1,"c":1`}
	rnd := rand.New(rand.NewPCG(7, 7))
	for range 5000 {
		payload := `{` + parts[rnd.IntN(len(parts))] + `"measurements":{` + names[rnd.IntN(len(names))] + `}}`
		got := d.Decode(testSource(), []byte(payload))
		want := decode(t, payload)
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("%s (-fresh +reused):\n%s", payload, diff)
		}
	}
}

func TestSteadyStreamDoesNotAllocate(t *testing.T) {
	d, payload, source := NewDecoder(DefaultLimits()), []byte(sample), testSource()
	d.Decode(source, payload)
	if n := testing.AllocsPerRun(100, func() { d.Decode(source, payload) }); n > 0 {
		t.Fatalf("%v allocations an event", n)
	}
}

// FuzzDecode checks that nothing panics, that no byte is unaccounted for, and that the decoder and encoding/json agree
// on what is JSON and on the values.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(sample))
	f.Add([]byte("[" + sample + ",{\"measurements\":{\"a\":-1.5e3}}]"))
	f.Add([]byte("{\"measurements\":{\"a\":1}}\n{\"measurements\":{\"a\":true}}\n{"))
	f.Add([]byte(`{"measurements":{"a":NaN,"b\u0041":"\ud800"}}`))
	used := NewDecoder(DefaultLimits())
	f.Fuzz(func(t *testing.T, payload []byte) {
		got := NewDecoder(DefaultLimits()).Decode(testSource(), payload)
		if diff := cmp.Diff(got, used.Decode(testSource(), payload), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("a used decoder differs:\n%s", diff)
		}
		if len(got.Events)+len(got.Invalid) == 0 {
			t.Fatal("neither events nor refusals")
		}
		for _, bad := range got.Invalid {
			if bad.Detail == "" || bad.Reason == "" {
				t.Fatalf("refusal without words: %+v", bad)
			}
		}
		if len(got.Events)+len(got.Invalid) > 1 || len(payload) > 0 && payload[0] != '{' {
			return
		}
		if len(got.Events) == 1 {
			agree(t, payload, got.Events[0])
			return
		}
		if r := got.Invalid[0].Reason; (r == ReasonInvalidJSON || r == ReasonCutOff) && json.Valid(payload) {
			t.Fatalf("encoding/json takes what was refused: %s", got.Invalid[0].Detail)
		}
	})
}

func agree(t *testing.T, payload []byte, ev Event) {
	t.Helper()
	var message map[string]any
	if err := json.Unmarshal(payload, &message); err != nil {
		t.Fatalf("encoding/json refuses what was taken: %v", err)
	}
	if ev.Attributes != "" && !json.Valid([]byte(ev.Attributes)) {
		t.Fatalf("attributes are not JSON: %s", ev.Attributes)
	}
	want := map[string]float64{}
	flatten("", message["measurements"], want)
	got := map[string]float64{}
	for i, n := range ev.Names {
		got[n] = ev.Values[i]
	}
	// encoding/json keeps one of two equal keys, so a nested object that comes twice is not comparable.
	for n, v := range want {
		if got[n] != v {
			t.Fatalf("measurement %q: %v, encoding/json has %v", n, got[n], v)
		}
	}
}

func flatten(prefix string, v any, into map[string]float64) {
	switch v := v.(type) {
	case map[string]any:
		for k, inner := range v {
			flatten(prefix+"."+k, inner, into)
		}
	case float64:
		into[prefix[1:]] = v
	case bool:
		into[prefix[1:]] = map[bool]float64{true: 1}[v]
	}
}

// BenchmarkDecodeWithSchema holds every measurement of the sample against bounds.
func BenchmarkDecodeWithSchema(b *testing.B) {
	for name, unknown := range map[string]Unknown{"all listed": UnknownDeadLetter, "half dropped": UnknownDrop} {
		b.Run(name, func(b *testing.B) {
			d, source, payload := NewDecoder(DefaultLimits()), testSource(), []byte(sample)
			rules := []Rule{}
			for i, n := range []string{"temperature", "vibration.x", "pressure", "vibration.z", "current", "humidity", "vibration.y", "speed", "load"} {
				if unknown == UnknownDeadLetter || i < 5 {
					rules = append(rules, Rule{Name: n, Minimum: -1e6, Maximum: 1e6})
				}
			}
			source.Schema = NewSchema("sensor", rules, unknown)
			b.SetBytes(int64(len(sample)))
			b.ReportAllocs()
			for b.Loop() {
				if got := d.Decode(source, payload); len(got.Events) != 1 {
					b.Fatal(got.Invalid)
				}
			}
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	d, source := NewDecoder(DefaultLimits()), testSource()
	fresh := strings.Replace(sample, `"battery_level":85`, `"battery_level":86`, 1)
	for name, payloads := range map[string][2]string{"same attributes": {sample, sample}, "new attributes each time": {sample, fresh}} {
		b.Run(name, func(b *testing.B) {
			first, second := []byte(payloads[0]), []byte(payloads[1])
			b.SetBytes(int64(len(sample)))
			b.ReportAllocs()
			for b.Loop() {
				d.Decode(source, first)
				first, second = second, first
			}
		})
	}
}

func BenchmarkEncodingJSON(b *testing.B) {
	type message struct {
		DeviceID     string          `json:"deviceId"`
		Timestamp    time.Time       `json:"timestamp"`
		Measurements map[string]any  `json:"measurements"`
		Location     json.RawMessage `json:"location"`
		Metadata     json.RawMessage `json:"metadata"`
		Quality      json.RawMessage `json:"quality"`
	}
	payload := []byte(sample)
	b.SetBytes(int64(len(sample)))
	b.ReportAllocs()
	for b.Loop() {
		var m message
		if err := json.Unmarshal(payload, &m); err != nil {
			b.Fatal(err)
		}
	}
}
