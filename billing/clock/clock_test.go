package clock_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/millwright-io/millwright/billing/clock"
)

func TestAClockSaysWhatItsFileSays(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "clock")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := clock.Open(file, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("a file that is not there")
	}
	write("tomorrow\n")
	if _, err := clock.Open(file, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("a file without a time")
	}
	write("2026-12-01T00:59:59+01:00\n")
	c, err := clock.Open(file, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if at := c.Now(); !at.Equal(time.Date(2026, 11, 30, 23, 59, 59, 0, time.UTC)) || at.Location() != time.UTC {
		t.Errorf("%s", at)
	}
	write("rubbish")
	write("2026-12-02T00:00:01Z")
	for deadline := time.Now().Add(5 * time.Second); c.Now().Month() != time.December; {
		if time.Now().After(deadline) {
			t.Fatalf("it still says %s", c.Now())
		}
	}
}
