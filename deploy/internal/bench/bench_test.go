package bench

import (
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"
)

type sample struct {
	DeviceID, DeviceType, Epoch string
	Timestamp                   time.Time
	Sequence                    uint64
	Measurements                map[string]any
}

func TestThePayloadIsTheSampleWithItsOwnTimeAndSequence(t *testing.T) {
	t.Parallel()
	begun := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	p := newPayload("bench_49", "bench-1a2b3c4d5e6f", begun)
	length := len(p.text)
	if length < 540 || length > 580 {
		t.Errorf("%d bytes, want about 560", length)
	}
	var before sample
	for n, at := range []time.Time{begun, begun.Add(123456 * time.Microsecond), begun.Add(time.Hour + 7*time.Microsecond)} {
		var got sample
		if err := json.Unmarshal(p.next(at, uint64(n)), &got); err != nil {
			t.Fatalf("message %d is not JSON: %v: %s", n, err, p.text)
		}
		if !got.Timestamp.Equal(at) || got.Sequence != sent(uint64(n)) || len(p.text) != length {
			t.Errorf("message %d: time %s, sequence %d, %d bytes; want %s, %d, %d", n, got.Timestamp, got.Sequence, len(p.text), at, sent(uint64(n)), length)
		}
		if got.DeviceID != "bench_49" || got.DeviceType != "temperature_sensor" || got.Epoch != "bench-1a2b3c4d5e6f" {
			t.Errorf("message %d: %+v", n, got)
		}
		vibration, _ := got.Measurements["vibration"].(map[string]any)
		if len(got.Measurements)-1+len(vibration) != measurements {
			t.Errorf("message %d: measurements %v, want %d", n, got.Measurements, measurements)
		}
		if got.Measurements["temperature"] == before.Measurements["temperature"] {
			t.Errorf("message %d has the values of the one before", n)
		}
		before = got
	}
}

func BenchmarkPayload(b *testing.B) {
	p := newPayload("bench_0", "bench-1a2b3c4d5e6f", time.Now())
	b.ReportAllocs()
	for n := uint64(0); b.Loop(); n++ {
		p.next(time.Unix(0, int64(n)*1000), n)
	}
}

func TestAProcessAndItsChildrenAreRead(t *testing.T) {
	t.Parallel()
	child := exec.CommandContext(t.Context(), "cat")
	in, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	seen := map[int]Process{}
	for _, p := range tree(os.Getpid()) {
		seen[p.id] = p
	}
	self, there := seen[os.Getpid()], seen[child.Process.Pid]
	if self.Resident == 0 || self.Proportional == 0 || self.Proportional > self.Resident {
		t.Errorf("this process: resident %d, proportional %d", self.Resident, self.Proportional)
	}
	if there.parent != os.Getpid() {
		t.Errorf("child %d is missing from %v", child.Process.Pid, seen)
	}
	_ = in.Close()
	if err := child.Wait(); err != nil {
		t.Fatal(err)
	}
	if _, ok := readProcess("/proc/" + strconv.Itoa(child.Process.Pid)); ok {
		t.Error("a process that ended is still read")
	}
}

func TestProcessesOfAKindAreAddedUp(t *testing.T) {
	t.Parallel()
	before := byName([]Process{{Name: "postgres", CPU: 1}, {Name: "cell", CPU: 5}, {Name: "postgres", CPU: 2, Resident: 10}})
	if len(before) != 2 || before[0].CPU != 3 || before[0].Resident != 10 || before[1].CPU != 5 {
		t.Fatalf("added up: %+v", before)
	}
	used := since(before, []Process{{Name: "cell", CPU: 7.5}, {Name: "late", CPU: 1}})
	if used[0].CPU != 2.5 || used[1].CPU != 1 {
		t.Errorf("used: %+v", used)
	}
}

func TestATakenPortIsNotFree(t *testing.T) {
	t.Parallel()
	var config net.ListenConfig
	taken, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	if port := taken.Addr().(*net.TCPAddr).Port; free(t.Context(), port) { //nolint:forcetypeassert // the address of a TCP listener
		t.Errorf("port %d counts as free though it is taken", port)
	}
}

func TestABaseIsTheFirstOfNineFreePorts(t *testing.T) {
	t.Parallel()
	taken := map[int]bool{24006: true, 24010: true, 24029: true}
	if base, err := firstBase(func(port int) bool { return !taken[port] }); err != nil || base != 24020 {
		t.Errorf("base %d, %v; want 24020", base, err)
	}
	if _, err := firstBase(func(int) bool { return false }); err == nil {
		t.Error("a machine without a free port got a base")
	}
}
