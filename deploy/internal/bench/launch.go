package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/millwright-io/millwright/deploy/internal/command"
	"github.com/millwright-io/millwright/deploy/internal/rpc"
)

const (
	startTimeout = 2 * time.Minute
	stopTimeout  = time.Minute
	// ports is how many `up` takes from its base on.
	ports = 9
	// metricsPort is that of metrics, from the base on.
	metricsPort = 5
	// unlimited is for the limits that the measurement must not meet.
	unlimited = "events_per_second=10000000,events_burst=10000000,requests_per_second=10000,connections=50000"
)

// access is what demo.json says.
type access struct {
	APIKey             string `json:"api_key"`
	ControlURL         string `json:"control_url"`
	CellURL            string `json:"cell_url"`
	ClickHouseURL      string `json:"clickhouse_url"`
	ClickHouseDatabase string `json:"clickhouse_database"`
	ClickHouseUsername string `json:"clickhouse_username"`
	ClickHousePassword string `json:"clickhouse_password"`
	MQTTAddress        string `json:"mqtt_address"`
	CAFile             string `json:"ca_file"`
	// file is demo.json itself.
	file string
}

// launch starts `up` of this binary on a new data directory and free ports, with further arguments, and waits until it is ready.
func launch(ctx context.Context, e command.Env, demo string, more ...string) (*target, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this binary: %w", err)
	}
	data, err := os.MkdirTemp("", "millwright-bench-")
	if err != nil {
		return nil, fmt.Errorf("make a data directory: %w", err)
	}
	if err := os.Chmod(data, 0o755); err != nil { //nolint:gosec // postgres runs as another user and must pass through
		return nil, fmt.Errorf("open the data directory: %w", err)
	}
	base, err := firstBase(func(port int) bool { return free(ctx, port) })
	if err != nil {
		return nil, err
	}
	// A cancelled context stops `up` in order, see stop; it must not be killed.
	args := append([]string{"up", "--data", filepath.Join(data, "data"), "--port-base", fmt.Sprint(base), "--demo", demo, "--plan-limits", unlimited}, more...)
	cmd := exec.CommandContext(context.WithoutCancel(ctx), self, args...)
	cmd.Stderr = e.Err
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start up: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start up: %w", err)
	}
	t := &target{root: cmd.Process.Pid, metrics: fmt.Sprintf("http://127.0.0.1:%d/metrics", base+metricsPort), stop: func() error { return stop(cmd, data) }}
	if err := ready(ctx, out, e.Err); err != nil {
		return nil, errors.Join(err, t.stop())
	}
	if demo == "none" {
		return t, nil
	}
	text, err := os.ReadFile(filepath.Join(data, "data", "demo.json"))
	if err == nil {
		err = json.Unmarshal(text, &t.access)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read demo.json: %w", err), t.stop())
	}
	t.access.file = filepath.Join(data, "data", "demo.json")
	t.Options = rpc.Options{Server: t.access.ControlURL, Key: t.access.APIKey}
	return t, nil
}

// ready passes on what `up` says until it is ready; what comes later is read and dropped.
func ready(ctx context.Context, out io.Reader, say io.Writer) error {
	done := make(chan error, 1)
	go func() {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if strings.HasPrefix(lines.Text(), "ready: ") {
				done <- nil
				_, _ = io.Copy(io.Discard, out)
				return
			}
			_, _ = fmt.Fprintln(say, lines.Text())
		}
		done <- errors.New("up ended before it was ready")
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(startTimeout):
		return fmt.Errorf("up was not ready within %s", startTimeout)
	}
}

func stop(cmd *exec.Cmd, data string) error {
	_ = cmd.Process.Signal(syscall.SIGTERM)
	late := time.AfterFunc(stopTimeout, func() { _ = cmd.Process.Kill() })
	defer late.Stop()
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("up did not stop cleanly (its data is in %s): %w", data, err)
	}
	return os.RemoveAll(data)
}

// firstBase finds a base from which every port that `up` takes is free.
func firstBase(free func(port int) bool) (int, error) {
	for base := 24000; base < 60000; base += 10 {
		if allFree(base, free) {
			return base, nil
		}
	}
	return 0, errors.New("no nine free ports in a row between 24000 and 60000")
}

func allFree(base int, free func(port int) bool) bool {
	for port := base; port < base+ports; port++ {
		if !free(port) {
			return false
		}
	}
	return true
}

// free tells whether one could listen on the loopback port now; another process may take it in the next moment.
func free(ctx context.Context, port int) bool {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return false
	}
	_ = l.Close()
	return true
}
