package deadletter

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/telemetry"
	"github.com/millwright-io/millwright/tenancy"
)

func TestEditsDoWhatTheySay(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, in, want string }{
		{"nothing", `{"measurements": {"a":1}}`, `{"measurements": {"a":1}}`},
		{"rename", `{"measurements":{"a":1,"b":2}}`, `{"measurements":{"b":2,"z":1}}`},
		{"rename nested", `{"measurements":{"v":{"x":1,"y":2}}}`, `{"measurements":{"v":{"y":2},"vib":1}}`},
		{"rename into measurements", `{"temp":4}`, `{"measurements":{"temp":4}}`},
		{"rename over", `{"measurements":{"a":1,"z":5}}`, `{"measurements":{"z":1}}`},
		{"rename all", `{"values":{"a":1}}`, `{"measurements":{"a":1}}`},
		{"drop", `{"x":[1,{"y":"é\""}],"measurements":{"a":NaN,"b":1e3}}`, `{"x":[1,{"y":"é\""}],"measurements":{"b":1e3}}`},
		{"scale", `{"measurements":{"a":"2.5"}}`, `{"measurements":{"a":25}}`},
		{"many", `[{"measurements":{"a":1}},{"measurements":{"a":2}}]`, `[{"measurements":{"a":10}},{"measurements":{"a":20}}]`},
		{"lines", "{\"measurements\":{\"a\":1}}\n{\"measurements\":{\"a\":2}}", "{\"measurements\":{\"a\":10}}\n{\"measurements\":{\"a\":20}}"},
		{"seconds", `{"ts":1768473000.5}`, `{"timestamp":"2026-01-15T10:30:00.5Z"}`},
		{"local", `{"ts":"15.01.2026 10:30:00"}`, `{"timestamp":"2026-01-15T09:30:00Z"}`},
		{"shift", `{"timestamp":"2026-01-15T10:30:00Z"}`, `{"timestamp":"2026-01-15T08:30:00Z"}`},
		{"received", `{"timestamp":"nonsense","measurements":{"a":1}}`, `{"measurements":{"a":1}}`},
		{"payload", `{`, `{"measurements":{"a":10}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			scale := []Scale{{"measurements.a", 10}}
			e := map[string]Edit{
				"nothing":                  {},
				"rename":                   {Renames: []Rename{{"measurements.a", "measurements.z"}}},
				"rename over":              {Renames: []Rename{{"measurements.a", "measurements.z"}}},
				"rename nested":            {Renames: []Rename{{"measurements.v.x", "measurements.vib"}}},
				"rename into measurements": {Renames: []Rename{{"temp", "measurements.temp"}}},
				"rename all":               {Renames: []Rename{{"values", "measurements"}}},
				"drop":                     {Drops: []string{"measurements.a", "not.there"}},
				"scale":                    {Scales: scale}, "many": {Scales: scale}, "lines": {Scales: scale},
				"seconds":  {Timestamp: &TimestampEdit{Field: "ts", Format: UnixSeconds}},
				"local":    {Timestamp: &TimestampEdit{Field: "ts", Format: LocalDayFirst, Zone: "Europe/Berlin"}},
				"shift":    {Timestamp: &TimestampEdit{Shift: -2 * time.Hour}},
				"received": {Timestamp: &TimestampEdit{Format: Received}},
				"payload":  {Payload: []byte(`{"measurements":{"a":1}}`), Scales: scale},
			}[c.name]
			got, err := e.Apply([]byte(c.in))
			if err != nil || string(got) != c.want {
				t.Errorf("%s\nwant %s, error %v", got, c.want, err)
			}
		})
	}
}

func TestAnEditThatCannotBeDoneSaysWhy(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in   string
		edit Edit
		want string
	}{
		{`{"a":`, Edit{Drops: []string{"a"}}, "replace its payload"},
		{strings.Repeat("[", 5000), Edit{Drops: []string{"a"}}, "flatter"},
		{`{"measurements":{"a":"hot"}}`, Edit{Scales: []Scale{{"measurements.a", 2}}}, "no number"},
		{`{"measurements":{"a":1e308}}`, Edit{Scales: []Scale{{"measurements.a", 1e10}}}, "no number"},
		{`{}`, Edit{Timestamp: &TimestampEdit{Field: "ts"}}, "no field ts"},
		{`{"ts":"yesterday"}`, Edit{Timestamp: &TimestampEdit{Field: "ts", Format: UnixSeconds}}, "no time"},
		{`{"ts":1768473000000}`, Edit{Timestamp: &TimestampEdit{Field: "ts", Format: UnixSeconds}}, "another format"},
	} {
		_, err := c.edit.Apply([]byte(c.in))
		if err == nil || !strings.Contains(err.Error(), c.want) || !errors.Is(err, tenancy.ErrInvalid) {
			t.Errorf("%.40s: %v, want %q", c.in, err, c.want)
		}
	}
	for _, e := range []Edit{{Timestamp: &TimestampEdit{Zone: "Mars/Base"}}, {Timestamp: &TimestampEdit{Zone: "Local"}}, {Scales: []Scale{{"a", 0}}}, {Scales: []Scale{{"a", math.Inf(1)}}}} {
		if e.Validate() == nil {
			t.Errorf("%+v is valid", e)
		}
	}
}

func TestIDsComeBack(t *testing.T) {
	t.Parallel()
	id := ID{Engine, 3, 1<<64 - 1, 7}
	if got, err := ParseID(id.String()); err != nil || got != id {
		t.Errorf("%v, %v", got, err)
	}
	for _, text := range []string{"", "engine-1-2", "other-0-1-0", "gateway-70000-1-0", "gateway-0-99999999999999999999-0", "gateway-0-1-0 or 1"} {
		if _, err := ParseID(text); !errors.Is(err, tenancy.ErrInvalid) {
			t.Errorf("%q: %v", text, err)
		}
	}
	c := cursor{5, id}
	if got, err := parseCursor(c.String()); err != nil || got != c {
		t.Errorf("%v, %v", got, err)
	}
}

func TestAnEngineRefusalOutranksTheNoteOfSending(t *testing.T) {
	t.Parallel()
	now := time.Now()
	sent := Change{Refusals: 4, At: now.Add(time.Hour)}
	refused := Change{Refusals: 5, At: now}
	if sent.Version() >= refused.Version() || (Change{Refusals: 4, At: now}).Version() >= sent.Version() {
		t.Error("versions are out of order")
	}
}

func TestOnlyTheCellWritesProvenance(t *testing.T) {
	t.Parallel()
	s := New(nil, nil, DefaultLimits(), time.Now)
	l := &Letter{ID: ID{Gateway, 0, 9, 0}, Refusals: 2}
	e := &telemetry.Event{Attributes: `{"metadata":{"a":1}}`}
	s.identify(e, l, 0, 1)
	if id, n, ok := Retry(e); !ok || id != l.ID || n != 2 || e.MessageID != "letter:gateway-0-9-0:2:0" || !strings.HasSuffix(e.Attributes, `,"metadata":{"a":1}}`) {
		t.Errorf("%+v: %v %d %v", e, id, n, ok)
	}
	decoder := telemetry.NewDecoder(telemetry.DefaultLimits())
	got := decoder.Decode(telemetry.Source{Tenant: "t", Device: "d", Received: time.Now().UnixNano(), Horizon: time.Hour},
		[]byte(`{"replay":{"letter":"gateway-0-9-0","refusals":1},"metadata":{"replay":{"letter":"gateway-0-9-0","refusals":1}},"measurements":{"a":1}}`))
	if _, _, ok := Retry(&got.Events[0]); ok {
		t.Errorf("a device forged %s", got.Events[0].Attributes)
	}
	// The device's own sequence stays as long as the engine has not seen it.
	own := &telemetry.Event{HasSequence: true, Sequence: 5, Epoch: "boot"}
	s.identify(own, &Letter{ID: l.ID}, 0, 1)
	if !own.HasSequence || own.MessageID != "" {
		t.Errorf("%+v", own)
	}
	s.identify(own, l, 0, 1)
	if own.HasSequence || own.Epoch != "" || own.MessageID == "" {
		t.Errorf("%+v", own)
	}
}

func FuzzEdit(f *testing.F) {
	f.Add([]byte(`{"measurements":{"a":1,"b":{"c":NaN}},"ts":17}`))
	f.Add([]byte(`[{"a":"\u00e9"}, {}]`))
	e := Edit{
		Renames: []Rename{{"a", "measurements.a"}, {"measurements.b.c", "x"}}, Drops: []string{"ts"}, Scales: []Scale{{"measurements.a", 3}},
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		once, err := e.Apply(payload)
		if err != nil {
			return
		}
		if _, _, err := events(once); err != nil {
			t.Errorf("%q became %q, which cannot be read: %v", payload, once, err)
		}
	})
}
