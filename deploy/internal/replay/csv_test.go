package replay

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/millwright-io/millwright/deploy/internal/command"
)

func all(text string, layout Layout) ([]Row, error) {
	r, err := NewReader(strings.NewReader(text), "file.csv", layout)
	if err != nil {
		return nil, err
	}
	var rows []Row
	for {
		row, ok, err := r.Next()
		if err != nil || !ok {
			return rows, err
		}
		rows = append(rows, row)
	}
}

func TestFormsOfRecordings(t *testing.T) {
	t.Parallel()
	at := time.Date(2020, 3, 9, 10, 34, 33, 0, time.UTC)
	cases := []struct {
		name, text string
		layout     Layout
		want       []Value
		at         time.Time
	}{
		{"semicolons and names with spaces", "datetime;Volume Flow RateRMS;Pressure\n2020-03-09 10:34:33;32.0;0.054711\n", Layout{}, []Value{{"Volume Flow RateRMS", "32"}, {"Pressure", "0.054711"}}, at},
		{"commas and an empty cell", "timestamp,a,b\n2020-03-09T10:34:33Z,,2\n", Layout{}, []Value{{"b", "2"}}, at},
		{"a byte order mark", "\ufefftime,a\n1583750073,1\n", Layout{}, []Value{{"a", "1"}}, at},
		{"no header and spaces", "1583750073  1.5 -2e-9 \n", Layout{Header: "time,a,b,rest", Separator: " "}, []Value{{"a", "1.5"}, {"b", "-2e-09"}}, at},
		{"renamed and left out", "x,a,b\n2020-03-09 11:34:33,1,text\n", Layout{TimeColumn: "x", Columns: "a=alpha", Skip: "b", TimeZone: "Europe/Berlin"}, []Value{{"alpha", "1"}}, at},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			rows, err := all(c.text, c.layout)
			if err != nil || len(rows) != 1 || !rows[0].Time.Equal(c.at) || len(rows[0].Values) != len(c.want) {
				t.Fatalf("%v, error %v", rows, err)
			}
			for i, v := range c.want {
				if rows[0].Values[i] != v {
					t.Errorf("value %d is %v, want %v", i, rows[0].Values[i], v)
				}
			}
		})
	}
}

func TestBadRecordingsAreNamed(t *testing.T) {
	t.Parallel()
	cases := []struct {
		text   string
		layout Layout
		says   string
	}{
		{"", Layout{}, "no header"},
		{"a,b\n1,2\n", Layout{}, "--time-column"},
		{"time,a\n1,x\n", Layout{}, `file.csv:2: column a: "x"`},
		{"time,a\n1,NaN\n", Layout{}, "finite"},
		{"time,a\nyesterday,1\n", Layout{}, "file.csv:2: column time"},
		{"time,a\n1,2\n1,2,3\n", Layout{}, "file.csv:3 has 3 cells"},
		{"time,a\n1,\n", Layout{}, "no value"},
		{"time,a\n1,2\n", Layout{Skip: "b"}, "no column b"},
		{"time,a\n1,2\n", Layout{Separator: "ab"}, "--separator"},
		{"time,a\n1,2\n", Layout{TimeZone: "Mars/Base"}, "--time-zone"},
	}
	for _, c := range cases {
		if _, err := all(c.text, c.layout); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%q: %v, want %q", c.text, err, c.says)
		}
	}
}

func TestRates(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", "x", "-1x", "0", "fast", "Infx"} {
		if _, err := parseRate(bad); !errors.Is(err, command.ErrUsage) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	p, err := parseRate("50x")
	if err != nil || p.due(3, 100*time.Second) != 2*time.Second {
		t.Errorf("50x: %v, %v", p, err)
	}
	if p, err = parseRate("200"); err != nil || p.due(100, 0) != 500*time.Millisecond {
		t.Errorf("200: %v, %v", p, err)
	}
}

func FuzzRecordings(f *testing.F) {
	f.Add("datetime;a\n2020-03-09 10:34:33;1\n")
	f.Add("time,a,b\n1,2,\"3\"\n")
	f.Fuzz(func(t *testing.T, text string) {
		rows, err := all(text, Layout{})
		if err == nil {
			for _, r := range rows {
				if len(r.Values) == 0 {
					t.Error("a row without a value")
				}
			}
		}
	})
}
