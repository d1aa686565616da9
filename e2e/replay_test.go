package e2e

import (
	"context"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/millwright-io/millwright/e2e/stack"
)

// replayRecordings replays a recording made here and, where it lies beside the checkout, a real one.
func replayRecordings(t *testing.T, s *stack.Stack) {
	files := map[string]string{"made": makeRecording(t)}
	if real := filepath.Join(stack.Root(), "..", "shared", "datasets", "skab", "valve1", "1.csv"); fileExists(real) {
		files["pump"] = real
	}
	for name, file := range files {
		t.Run(name, func(t *testing.T) {
			device := "replay_" + name
			args := []string{"replay", "--device", device, "--csv", file, "--time-column", "datetime", "--separator", ";", "--rate", "200x"}
			s.Run(t, args...)
			stack.Eventually(t, 10*time.Second, "the recording is stored", func() error { return sameAsFile(s, device, file) })
			s.Run(t, args...) // sending it again changes nothing
			if err := sameAsFile(s, device, file); err != nil {
				t.Fatalf("after a second replay: %v", err)
			}
		})
	}
}

// sameAsFile compares what is stored of a device with the recording, digit by digit.
func sameAsFile(s *stack.Stack, device, file string) error {
	want, err := readRecording(file)
	if err != nil {
		return err
	}
	conn, err := openStore(s)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	rows, err := conn.Query(context.Background(), "select measurement, time, value from points where device = ?", device)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	stored := 0
	for rows.Next() {
		var measurement string
		var at time.Time
		var value float64
		if err := rows.Scan(&measurement, &at, &value); err != nil {
			return err
		}
		stored++
		key := measurement + "@" + at.UTC().Format(time.DateTime)
		if w, ok := want[key]; !ok || w != value || at.Nanosecond() != 0 {
			return fmt.Errorf("%s is %v at %s, the file has %v", measurement, value, at, w)
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if stored != len(want) {
		return fmt.Errorf("%d points are stored, the file has %d", stored, len(want))
	}
	return nil
}

func readRecording(file string) (map[string]float64, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	r := csv.NewReader(f)
	r.Comma = ';'
	lines, err := r.ReadAll()
	if err != nil {
		return nil, err
	}
	points := map[string]float64{}
	for _, line := range lines[1:] {
		for i, cell := range line[1:] {
			v, err := strconv.ParseFloat(cell, 64)
			if err != nil {
				return nil, err
			}
			points[lines[0][i+1]+"@"+line[0]] = v
		}
	}
	return points, nil
}

// makeRecording writes 300 rows of values that a careless float path would round.
func makeRecording(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "made.csv")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(f, "datetime;Accelerometer RMS;Pressure;Counter")
	start := time.Date(2020, 3, 9, 10, 34, 33, 0, time.UTC)
	for i := range 300 {
		third := 1.0 / 3 * float64(i+1)
		fmt.Fprintf(f, "%s;%v;%v;%d\n", start.Add(time.Duration(i)*time.Second).Format(time.DateTime), third, -third*1e-9, 9007199254740992-i)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return file
}

func fileExists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}
