package verify

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/millwright-io/millwright/deploy/internal/command"
	telemetryv1 "github.com/millwright-io/millwright/proto/gen/millwright/telemetry/v1"
)

// store answers as a cell would that has each event of the map that many times, once it was asked so often.
type store struct {
	rows  map[string]int
	after int
	calls int
}

func (s *store) VerifyEvents(_ context.Context, req *telemetryv1.VerifyEventsRequest) (*telemetryv1.VerifyEventsResponse, error) {
	s.calls++
	res := &telemetryv1.VerifyEventsResponse{}
	for _, e := range req.Events {
		n := s.rows[e.MessageId]
		if s.calls <= s.after {
			n = 0
		}
		switch {
		case n == 0:
			res.Missing++
			res.MissingExamples = append(res.MissingExamples, e)
		case n > 1:
			res.Duplicate++
			fallthrough
		default:
			res.Stored++
		}
	}
	return res, nil
}

func write(t *testing.T, lines ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "acks")
	if err := os.WriteFile(file, []byte(strings.Join(lines, "")), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func line(id string) string { return "press\t" + id + "\t2026-01-01T00:00:00.5Z\n" }

func TestAcks(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name  string
		store *store
		lines []string
		want  string
		fails bool
	}{
		{"everything is stored once", &store{rows: map[string]int{"a": 1, "b": 1}}, []string{line("a"), line("b")}, "acked 2, stored 2, missing 0, duplicate 0", false},
		{"an event is acknowledged twice", &store{rows: map[string]int{"a": 1}}, []string{line("a"), line("a")}, "acked 1, stored 1, missing 0, duplicate 0", false},
		{"one is missing", &store{rows: map[string]int{"a": 1}}, []string{line("a"), line("b")}, "acked 2, stored 1, missing 1, duplicate 0", true},
		{"one is there twice", &store{rows: map[string]int{"a": 2}}, []string{line("a")}, "acked 1, stored 1, missing 0, duplicate 1", true},
		{"one comes late", &store{rows: map[string]int{"a": 1}, after: 1}, []string{line("a")}, "acked 1, stored 1, missing 0, duplicate 0", false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var out strings.Builder
			err := Acks(t.Context(), c.store, write(t, c.lines...), time.Second, &out, time.Now)
			if !strings.HasPrefix(out.String(), c.want+"\n") || errors.Is(err, command.ErrReported) != c.fails {
				t.Errorf("printed %q, error %v", out.String(), err)
			}
		})
	}
}

func TestABadLineIsNamed(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"press\n", "press\tx\tyesterday\n", "\tx\t2026-01-01T00:00:00Z\n", strings.Repeat("x", maxLine+1)} {
		err := Acks(t.Context(), &store{}, write(t, line("a"), bad), time.Second, &strings.Builder{}, time.Now)
		if err == nil || !strings.Contains(err.Error(), "acks:2: ") {
			t.Errorf("%.20q: %v", bad, err)
		}
	}
	if err := Acks(t.Context(), &store{}, write(t), time.Second, &strings.Builder{}, time.Now); err == nil {
		t.Error("an empty file was taken for a success")
	}
}

func TestLargeFilesGoInChunks(t *testing.T) {
	t.Parallel()
	s := &store{rows: map[string]int{}}
	var lines []string
	for i := range chunk + 1 {
		id := fmt.Sprint(i)
		s.rows[id] = 1
		lines = append(lines, line(id))
	}
	if err := Acks(t.Context(), s, write(t, lines...), time.Second, &strings.Builder{}, time.Now); err != nil || s.calls != 2 {
		t.Errorf("%d calls, error %v", s.calls, err)
	}
}
