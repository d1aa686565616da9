// Package stack runs the built millwright binary as a person would and gives tests its addresses and credentials. Only
// end-to-end tests import it; it knows nothing of the product but its command line and its public APIs.
package stack

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/millwright-io/millwright/proto/gen/millwright/deadletter/v1/deadletterv1connect"
	"github.com/millwright-io/millwright/proto/gen/millwright/device/v1/devicev1connect"
	"github.com/millwright-io/millwright/proto/gen/millwright/facility/v1/facilityv1connect"
	"github.com/millwright-io/millwright/proto/gen/millwright/invoice/v1/invoicev1connect"
	"github.com/millwright-io/millwright/proto/gen/millwright/key/v1/keyv1connect"
	"github.com/millwright-io/millwright/proto/gen/millwright/member/v1/memberv1connect"
	"github.com/millwright-io/millwright/proto/gen/millwright/role/v1/rolev1connect"
	"github.com/millwright-io/millwright/proto/gen/millwright/telemetry/v1/telemetryv1connect"
	"github.com/millwright-io/millwright/proto/gen/millwright/tenant/v1/tenantv1connect"
	"github.com/millwright-io/millwright/proto/gen/millwright/usage/v1/usagev1connect"
)

// startLimit is how long `up` may take to be ready; the slowest part is the identity server's first migration.
const startLimit = 90 * time.Second

// Demo is what DATA/demo.json says.
type Demo struct {
	TenantID    string `json:"tenant_id"`
	Email       string `json:"email"`
	Password    string `json:"password"`
	APIKey      string `json:"api_key"`
	ControlURL  string `json:"control_url"`
	CellURL     string `json:"cell_url"`
	IngestURL   string `json:"ingest_url"`
	MQTTAddress string `json:"mqtt_address"`
	NATSURL     string `json:"nats_url"`
	CAFile      string `json:"ca_file"`
	// The rest is for direct reads of the store.
	ClickHouseURL      string `json:"clickhouse_url"`
	ClickHouseDatabase string `json:"clickhouse_database"`
	ClickHouseUsername string `json:"clickhouse_username"`
	ClickHousePassword string `json:"clickhouse_password"`
}

// Options say how to start.
type Options struct {
	// Demo is plant, empty or none; empty when "".
	Demo string
	// Data is the data directory; a new one when "".
	Data string
	// PortBase is the first of the public ports; free ones when 0.
	PortBase int
	// Args are further flags of `up`.
	Args []string
}

// Stack is a running `millwright up`.
type Stack struct {
	Demo     Demo
	Data     string
	PortBase int
	// Ready is the line that `up` ended its start with.
	Ready string

	cmd    *exec.Cmd
	exited chan struct{}
	err    error
	output *lockedBuffer
	opts   Options
}

// Start runs `up` and waits until it is ready. The test's end stops it.
func Start(t testing.TB, opts Options) *Stack {
	t.Helper()
	s := Launch(t, opts)
	s.WaitReady(t)
	return s
}

// Launch runs `up` without waiting.
func Launch(t testing.TB, opts Options) *Stack {
	t.Helper()
	if opts.Demo == "" {
		opts.Demo = "empty"
	}
	if opts.Data == "" {
		opts.Data = TempDir(t)
	}
	if opts.PortBase == 0 {
		opts.PortBase = freePorts(t, 10+6*furtherCells(opts.Args))
	}
	s := &Stack{Data: opts.Data, PortBase: opts.PortBase, opts: opts, exited: make(chan struct{}), output: &lockedBuffer{}}
	args := append([]string{"up", "--data", opts.Data, "--port-base", fmt.Sprint(opts.PortBase), "--demo", opts.Demo}, opts.Args...)
	s.cmd = exec.Command(Binary(t), args...)
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	s.cmd.Stdout, s.cmd.Stderr = s.output, s.output
	if err := s.cmd.Start(); err != nil {
		t.Fatalf("start up: %v", err)
	}
	go func() {
		s.err = s.cmd.Wait()
		close(s.exited)
	}()
	t.Cleanup(func() {
		s.Stop(t)
		if t.Failed() {
			t.Logf("output of up:\n%s", tail(s.output.String(), 60))
		}
	})
	return s
}

// WaitReady waits for the `ready:` line and reads demo.json.
func (s *Stack) WaitReady(t testing.TB) {
	t.Helper()
	Eventually(t, startLimit, "up is ready", func() error {
		select {
		case <-s.exited:
			t.Fatalf("up ended before it was ready: %v\n%s", s.err, tail(s.output.String(), 60))
		default:
		}
		scan := bufio.NewScanner(strings.NewReader(s.output.String()))
		for scan.Scan() {
			if strings.HasPrefix(scan.Text(), "ready: ") {
				s.Ready = scan.Text()
				return nil
			}
		}
		return errors.New("no ready: line yet")
	})
	if s.opts.Demo == "none" {
		return
	}
	b, err := os.ReadFile(filepath.Join(s.Data, "demo.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &s.Demo); err != nil {
		t.Fatalf("demo.json: %v", err)
	}
}

// Stop ends `up` with SIGTERM and waits for a clean exit; it does nothing when `up` has ended.
func (s *Stack) Stop(t testing.TB) {
	t.Helper()
	select {
	case <-s.exited:
		return
	default:
	}
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.exited:
		if s.err != nil {
			t.Errorf("up stopped with %v", s.err)
		}
	case <-time.After(40 * time.Second):
		_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL)
		t.Errorf("up did not stop within 40 s of SIGTERM")
	}
}

// StopTwice ends `up` with two interrupts and returns its exit code once it and every process it started are gone.
func (s *Stack) StopTwice(t testing.TB) int {
	t.Helper()
	tree := descendants(s.cmd.Process.Pid)
	_ = s.cmd.Process.Signal(os.Interrupt)
	Eventually(t, 5*time.Second, "up begins to stop", func() error {
		if !strings.Contains(s.Output(), "stopping") {
			return errors.New("it does not say so")
		}
		return nil
	})
	_ = s.cmd.Process.Signal(os.Interrupt)
	select {
	case <-s.exited:
	case <-time.After(3 * time.Second):
		t.Fatal("up did not end within 3 s of a second interrupt")
	}
	s.gone(t, tree)
	return s.cmd.ProcessState.ExitCode()
}

// Kill ends `up` with SIGKILL and waits until it and every process it started are gone.
func (s *Stack) Kill(t testing.TB) {
	t.Helper()
	tree := descendants(s.cmd.Process.Pid)
	_ = s.cmd.Process.Kill()
	<-s.exited
	s.gone(t, tree)
}

// gone waits until none of tree runs.
func (s *Stack) gone(t testing.TB, tree []Process) {
	t.Helper()
	Eventually(t, 15*time.Second, "the children of up are gone", func() error {
		for _, p := range tree {
			if alive(p) {
				return fmt.Errorf("process %d (%s) is still there", p.ID, p.Command)
			}
		}
		return nil
	})
}

// KillChild sends SIGKILL to the child that runs the given subcommand, e.g. cell.
func (s *Stack) KillChild(t testing.TB, subcommand string) {
	t.Helper()
	Eventually(t, 20*time.Second, "there is a "+subcommand+" to kill", func() error {
		for _, p := range descendants(s.cmd.Process.Pid) {
			if strings.Contains(p.Command, "millwright "+subcommand) {
				return syscall.Kill(p.ID, syscall.SIGKILL)
			}
		}
		return errors.New("no such process")
	})
}

// Processes returns the tree under `up`, without `up` itself.
func (s *Stack) Processes() []Process { return descendants(s.cmd.Process.Pid) }

// Restart starts a new `up` on the same data directory and ports.
func (s *Stack) Restart(t testing.TB) *Stack {
	t.Helper()
	opts := s.opts
	opts.Data, opts.PortBase = s.Data, s.PortBase
	return Start(t, opts)
}

// Output is what `up` has printed so far.
func (s *Stack) Output() string { return s.output.String() }

// Run runs a client verb with the demo tenant's server and key and returns its standard output.
func (s *Stack) Run(t testing.TB, args ...string) string {
	t.Helper()
	out, err := s.Command(args...)
	if err != nil {
		t.Fatalf("millwright %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// Command is Run for calls that may fail; it returns standard output and error together.
func (s *Stack) Command(args ...string) (string, error) {
	cmd := exec.Command(binaryPath(), args...)
	cmd.Env = append(os.Environ(), "MILLWRIGHT_SERVER="+s.Demo.ControlURL, "MILLWRIGHT_KEY="+s.Demo.APIKey)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// Background starts a client verb; its output goes to the returned buffer.
func (s *Stack) Background(t testing.TB, args ...string) (*exec.Cmd, fmt.Stringer) {
	t.Helper()
	out := &lockedBuffer{}
	cmd := exec.Command(Binary(t), args...)
	cmd.Env = append(os.Environ(), "MILLWRIGHT_SERVER="+s.Demo.ControlURL, "MILLWRIGHT_KEY="+s.Demo.APIKey)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatalf("start %v: %v", args, err)
	}
	return cmd, out
}

// Bearer adds a credential to every request of a Connect client.
func Bearer(secret string) connect.ClientOption {
	return connect.WithInterceptors(bearer(secret))
}

// Tenants, Devices, Telemetry and Usage are clients that call with the given secret.
func (s *Stack) Tenants(secret string) tenantv1connect.TenantServiceClient {
	return tenantv1connect.NewTenantServiceClient(http.DefaultClient, s.Demo.ControlURL, Bearer(secret))
}

// Members is a client with an API key.
func (s *Stack) Members(secret string) memberv1connect.MemberServiceClient {
	return memberv1connect.NewMemberServiceClient(http.DefaultClient, s.Demo.ControlURL, Bearer(secret))
}

// Keys is a client of the keys and service accounts.
func (s *Stack) Keys(secret string) keyv1connect.KeyServiceClient {
	return keyv1connect.NewKeyServiceClient(http.DefaultClient, s.Demo.ControlURL, Bearer(secret))
}

// Roles is a client of the roles.
func (s *Stack) Roles(secret string) rolev1connect.RoleServiceClient {
	return rolev1connect.NewRoleServiceClient(http.DefaultClient, s.Demo.ControlURL, Bearer(secret))
}

// Devices is a client of the device registry.
func (s *Stack) Devices(secret string) devicev1connect.DeviceServiceClient {
	return devicev1connect.NewDeviceServiceClient(http.DefaultClient, s.Demo.ControlURL, Bearer(secret))
}

// Places is a client of the tree of facilities.
func (s *Stack) Places(secret string) facilityv1connect.FacilityServiceClient {
	return facilityv1connect.NewFacilityServiceClient(http.DefaultClient, s.Demo.ControlURL, Bearer(secret))
}

// Telemetry is a client of the cell.
func (s *Stack) Telemetry(secret string) telemetryv1connect.TelemetryServiceClient {
	return telemetryv1connect.NewTelemetryServiceClient(http.DefaultClient, s.Demo.CellURL, Bearer(secret))
}

// DeadLetters is a client of the cell.
func (s *Stack) DeadLetters(secret string) deadletterv1connect.DeadLetterServiceClient {
	return deadletterv1connect.NewDeadLetterServiceClient(http.DefaultClient, s.Demo.CellURL, Bearer(secret))
}

// Usage is a client of the ledger.
func (s *Stack) Usage(secret string) usagev1connect.UsageServiceClient {
	return usagev1connect.NewUsageServiceClient(http.DefaultClient, s.Demo.ControlURL, Bearer(secret))
}

// Invoices is a client of the ledger.
func (s *Stack) Invoices(secret string) invoicev1connect.InvoiceServiceClient {
	return invoicev1connect.NewInvoiceServiceClient(http.DefaultClient, s.Demo.ControlURL, Bearer(secret))
}

// DeviceHTTP is an HTTP client with a device's certificate from dir (cert.pem, key.pem, ca.pem).
func DeviceHTTP(t testing.TB, dir string) *http.Client {
	t.Helper()
	return &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{TLSClientConfig: DeviceTLS(t, dir)}}
}

// DeviceTLS is the TLS configuration of a device whose credentials lie in dir.
func DeviceTLS(t testing.TB, dir string) *tls.Config {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	ca, err := os.ReadFile(filepath.Join(dir, "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(ca) {
		t.Fatalf("%s/ca.pem holds no certificate", dir)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: roots, MinVersion: tls.VersionTLS13}
}

// Eventually tries until ok returns nil, and fails the test with the last error after the limit.
func Eventually(t testing.TB, limit time.Duration, what string, ok func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ok()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("not within %s: %s: %v", limit, what, err)
		case <-tick.C:
		}
	}
}

// furtherCells is how many cells run besides the first.
func furtherCells(args []string) int {
	for i, arg := range args {
		if arg == "--cells" && i+1 < len(args) {
			return strings.Count(args[i+1], ",")
		}
	}
	return 0
}

func freePorts(t testing.TB, n int) int {
	t.Helper()
	// Below the range the system hands out for outgoing connections.
	for base := 20000 + os.Getpid()%1000*10; base < 32000; base += 10 {
		if portsAreFree(base, n) {
			return base
		}
	}
	t.Fatal("no free ports")
	return 0
}

func portsAreFree(base, n int) bool {
	for p := base; p < base+n; p++ {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", p))
		if err != nil {
			return false
		}
		_ = l.Close()
	}
	return true
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

var _ io.Writer = (*lockedBuffer)(nil)

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func tail(s string, lines int) string {
	all := strings.Split(s, "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
