package stack

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Cell is one more process of the cell that `up` runs: it works on the same log, store and catalog.
type Cell struct {
	Name string
	// API, Ingest, MQTT and Metrics are where it serves, as host:port.
	API, Ingest, MQTT, Metrics string

	args   []string
	dir    string
	cmd    *exec.Cmd
	exited chan struct{}
	err    error
	output *lockedBuffer
}

// own are the flags that no two processes of a cell may share.
var own = regexp.MustCompile(`^--(api-address|ingest-address|mqtt-address|mqtt-websocket-address|device-nats-address|metrics-address|catalog-directory)=`)

// StartCell starts one more process of the cell with the flags of the one that `up` started, on ports of its own, and
// waits until it serves. Further flags come last. The test's end stops it.
func (s *Stack) StartCell(t testing.TB, name string, flags ...string) *Cell {
	t.Helper()
	cells := s.matching("millwright cell ")
	if len(cells) == 0 {
		t.Fatal("there is no cell to start another process of")
	}
	args := []string{"cell"}
	for _, arg := range strings.Fields(cells[0].Command)[2:] {
		if !own.MatchString(arg) {
			args = append(args, arg)
		}
	}
	addresses := []string{"api", "ingest", "mqtt", "mqtt-websocket", "device-nats", "metrics"}
	port := freePorts(t, len(addresses))
	for i, address := range addresses {
		args = append(args, fmt.Sprintf("--%s-address=127.0.0.1:%d", address, port+i))
	}
	args = append(args, "--catalog-directory="+filepath.Join(s.Data, "catalog-"+name))
	c := &Cell{Name: name, args: append(args, flags...), dir: s.Data}
	c.launch(t)
	t.Cleanup(func() {
		c.Stop(t)
		if t.Failed() {
			t.Logf("output of cell process %s:\n%s", name, tail(c.output.String(), 30))
		}
	})
	c.waitReady(t)
	return c
}

func (c *Cell) launch(t testing.TB) {
	t.Helper()
	c.exited, c.output = make(chan struct{}), &lockedBuffer{}
	c.cmd = exec.Command(Binary(t), c.args...)
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.cmd.Stdout, c.cmd.Stderr, c.cmd.Dir = c.output, c.output, c.dir
	if err := c.cmd.Start(); err != nil {
		t.Fatalf("start cell process %s: %v", c.Name, err)
	}
	cmd, exited := c.cmd, c.exited
	go func() {
		c.err = cmd.Wait()
		close(exited)
	}()
}

// Restart starts the process again at its addresses after Kill, without waiting until it serves.
func (c *Cell) Restart(t testing.TB) {
	t.Helper()
	c.launch(t)
}

var cellReady = regexp.MustCompile(`msg="cell ready" .*api=(\S+) mqtt=(\S+) ingest=(\S+) metrics=(\S+)`)

func (c *Cell) waitReady(t testing.TB) {
	t.Helper()
	Eventually(t, 30*time.Second, "cell process "+c.Name+" serves", func() error {
		select {
		case <-c.exited:
			t.Fatalf("it ended: %v\n%s", c.err, tail(c.output.String(), 30))
		default:
		}
		found := cellReady.FindStringSubmatch(c.output.String())
		if found == nil {
			return errors.New("it does not say so")
		}
		c.API, c.MQTT, c.Ingest, c.Metrics = found[1], found[2], found[3], found[4]
		return nil
	})
}

// IngestURL is where devices post.
func (c *Cell) IngestURL() string { return fmt.Sprintf("https://%s/v1/telemetry", c.Ingest) }

// Partition is what a process says of one that it works on.
type Partition struct{ Lag time.Duration }

var partitionLag = regexp.MustCompile(`(?m)^millwright_engine_partition_lag_seconds\{partition="(\d+)"\} (\S+)$`)

// Partitions asks the process that listens for metrics at an address which partitions it works on.
func Partitions(metrics string) (map[int]Partition, error) {
	client := http.Client{Timeout: 2 * time.Second}
	res, err := client.Get("http://" + metrics + "/metrics")
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	list := map[int]Partition{}
	for _, m := range partitionLag.FindAllStringSubmatch(string(text), -1) {
		number, err := strconv.Atoi(m[1])
		if err != nil {
			return nil, err
		}
		seconds, err := strconv.ParseFloat(m[2], 64)
		if err != nil {
			return nil, err
		}
		list[number] = Partition{time.Duration(seconds * float64(time.Second))}
	}
	return list, nil
}

// CellMetrics is where the cell that `up` started listens for metrics now.
func (s *Stack) CellMetrics(t testing.TB) (address string) {
	t.Helper()
	return s.Metrics(t, "cell")
}

// Metrics is where the first process of that subcommand under `up` serves its metrics.
func (s *Stack) Metrics(t testing.TB, subcommand string) (address string) {
	t.Helper()
	Eventually(t, 20*time.Second, "there is a "+subcommand, func() error {
		for _, p := range s.matching("millwright " + subcommand + " ") {
			for _, arg := range strings.Fields(p.Command) {
				if at, ok := strings.CutPrefix(arg, "--metrics-address="); ok {
					address = at
					return nil
				}
			}
		}
		return errors.New("no such process")
	})
	return address
}

// Output is what the process has written so far.
func (c *Cell) Output() string { return c.output.String() }

// Kill ends the process with SIGKILL and waits until it is gone.
func (c *Cell) Kill(t testing.TB) {
	t.Helper()
	c.signal(t, syscall.SIGKILL)
	<-c.exited
}

// Freeze stops the process as one that hangs, Thaw lets it go on.
func (c *Cell) Freeze(t testing.TB) { c.signal(t, syscall.SIGSTOP) }

// Thaw lets a frozen process go on.
func (c *Cell) Thaw(t testing.TB) { c.signal(t, syscall.SIGCONT) }

func (c *Cell) signal(t testing.TB, sig syscall.Signal) {
	t.Helper()
	if err := c.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("signal cell process %s: %v", c.Name, err)
	}
}

// Stop drains the process; it does nothing when it has ended.
func (c *Cell) Stop(t testing.TB) {
	t.Helper()
	select {
	case <-c.exited:
		return
	default:
	}
	c.signal(t, syscall.SIGCONT)
	c.signal(t, syscall.SIGTERM)
	select {
	case <-c.exited:
		if c.err != nil {
			t.Errorf("cell process %s stopped with %v", c.Name, c.err)
		}
	case <-time.After(40 * time.Second):
		c.signal(t, syscall.SIGKILL)
		<-c.exited
		t.Errorf("cell process %s did not stop within 40 s of SIGTERM", c.Name)
	}
}
