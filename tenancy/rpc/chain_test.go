package rpc_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"

	devicev1 "github.com/millwright-io/millwright/proto/gen/millwright/device/v1"
	"github.com/millwright-io/millwright/proto/gen/millwright/device/v1/devicev1connect"
	telemetryv1 "github.com/millwright-io/millwright/proto/gen/millwright/telemetry/v1"
	"github.com/millwright-io/millwright/proto/gen/millwright/telemetry/v1/telemetryv1connect"
	"github.com/millwright-io/millwright/tenancy"
	"github.com/millwright-io/millwright/tenancy/casbin"
	"github.com/millwright-io/millwright/tenancy/rpc"
)

// devices fails as it is told by the device's id.
type devices struct {
	devicev1connect.UnimplementedDeviceServiceHandler
}

var failures = map[string]error{
	"missing": fmt.Errorf("there is no device missing: %w", tenancy.ErrNotFound),
	"full":    &tenancy.LimitError{Limit: "devices", Scope: "tenant", Current: 10, Maximum: 10, RetryAfter: 1500 * time.Millisecond},
	"broken":  errors.New("secret detail of the database"),
}

func (devices) Get(ctx context.Context, req *devicev1.GetRequest) (*devicev1.GetResponse, error) {
	if req.GetDeviceId() == "panic" {
		panic("secret detail of a panic")
	}
	if req.GetDeviceId() == "slow" {
		<-ctx.Done()
		return nil, fmt.Errorf("wait: %w", ctx.Err())
	}
	if err := failures[req.GetDeviceId()]; err != nil {
		return nil, err
	}
	p, err := tenancy.TenantFrom(ctx)
	return &devicev1.GetResponse{Device: &devicev1.Device{DeviceId: req.GetDeviceId(), DeviceType: string(p.Role)}}, err
}

type telemetry struct {
	telemetryv1connect.UnimplementedTelemetryServiceHandler
}

func (telemetry) Watch(_ context.Context, req *telemetryv1.WatchRequest, s *connect.ServerStream[telemetryv1.WatchResponse]) error {
	return s.Send(&telemetryv1.WatchResponse{DeviceId: req.GetDeviceIds()[0]})
}

// setup serves both services; a token is a role, `none` is nobody.
func setup(t *testing.T) (url string, log *bytes.Buffer, refused *[]string) {
	t.Helper()
	authorizer, err := casbin.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	log, refused = &bytes.Buffer{}, &[]string{}
	id := tenancy.NewID()
	chain := rpc.New(rpc.Deps{
		Authenticate: func(_ context.Context, h http.Header, _ string) (tenancy.Principal, error) {
			role := rpc.Bearer(h)
			if role == "" {
				return tenancy.Principal{}, fmt.Errorf("sign in first: %w", tenancy.ErrUnauthenticated)
			}
			return tenancy.Principal{Tenant: id, Role: tenancy.Role(role), Credential: tenancy.CredentialKey, Subject: "k"}, nil
		},
		Authorize: authorizer, Refused: func(_ context.Context, _ tenancy.Principal, _ tenancy.Action, err error) {
			*refused = append(*refused, err.Error())
		},
		Timeout: 300 * time.Millisecond, Log: slog.New(slog.NewTextHandler(log, nil)), Now: time.Now,
	})
	devicePath, deviceHandler := devicev1connect.NewDeviceServiceHandler(devices{}, chain.Options()...)
	telemetryPath, telemetryHandler := telemetryv1connect.NewTelemetryServiceHandler(telemetry{}, chain.Options()...)
	rest, err := rpc.REST(rpc.Service{Path: devicePath, Handler: deviceHandler}, rpc.Service{Path: telemetryPath, Handler: telemetryHandler})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle(devicePath, deviceHandler)
	mux.Handle(telemetryPath, telemetryHandler)
	mux.Handle("/api/", rest)
	mux.Handle("/ws", chain.HTTP("ws", tenancy.ActionTelemetryRead, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, _ := tenancy.TenantFrom(r.Context())
		_, _ = io.WriteString(w, string(p.Role))
	})))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL, log, refused
}

func get(t *testing.T, url, role, device string) error {
	t.Helper()
	client := connect.NewClient[devicev1.GetRequest, devicev1.GetResponse](http.DefaultClient, url+devicev1connect.DeviceServiceGetProcedure)
	req := connect.NewRequest(&devicev1.GetRequest{DeviceId: device})
	if role != "" {
		req.Header().Set("Authorization", "Bearer "+role)
	}
	_, err := client.CallUnary(t.Context(), req)
	return err
}

func TestARequestThatTakesTooLongIsToldToTryAgain(t *testing.T) {
	t.Parallel()
	url, _, _ := setup(t)
	if err := get(t, url, "viewer", "slow"); connect.CodeOf(err) != connect.CodeUnavailable || !strings.Contains(err.Error(), "try again") {
		t.Errorf("got %v", err)
	}
}

func TestEachFailureHasItsCodeAndItsSentence(t *testing.T) {
	t.Parallel()
	url, log, refused := setup(t)
	for _, c := range []struct {
		role, device string
		code         connect.Code
		message      string
	}{
		{"", "press_01", connect.CodeUnauthenticated, "sign in first"},
		{"janitor", "press_01", connect.CodePermissionDenied, `role "janitor" is unknown`},
		{"viewer", "../etc", connect.CodeInvalidArgument, "device_id"},
		{"viewer", "missing", connect.CodeNotFound, "there is no device missing"},
		{"viewer", "full", connect.CodeResourceExhausted, "limit devices of tenant: 10 of 10 in use, retry in 1.5s"},
		{"viewer", "broken", connect.CodeInternal, "internal error; quote request id"},
		{"viewer", "panic", connect.CodeInternal, "internal error; quote request id"},
	} {
		err := get(t, url, c.role, c.device)
		ce := (*connect.Error)(nil)
		if !errors.As(err, &ce) || ce.Code() != c.code || !strings.HasPrefix(ce.Message(), c.message) && !strings.Contains(ce.Message(), c.message) {
			t.Errorf("%s by %q: %v", c.device, c.role, err)
			continue
		}
		if strings.Contains(ce.Message(), "secret") || strings.Contains(ce.Message(), "\n") {
			t.Errorf("%s: the caller reads %q", c.device, ce.Message())
		}
		if ce.Meta().Get("X-Request-Id") == "" {
			t.Errorf("%s: no request id", c.device)
		}
	}
	if err := get(t, url, "viewer", "press_01"); err != nil {
		t.Errorf("a good call: %v", err)
	}
	if !strings.Contains(log.String(), "secret detail of the database") || !strings.Contains(log.String(), "secret detail of a panic") {
		t.Error("an internal error is not in the log in full")
	}
	if n := strings.Count(log.String(), "msg=request "); n != 8 {
		t.Errorf("%d log lines for 8 calls", n)
	}
	if len(*refused) != 1 {
		t.Errorf("refusals told: %q", *refused)
	}
}

func TestALimitIsExplainedInHeadersAndDetails(t *testing.T) {
	t.Parallel()
	url, _, _ := setup(t)
	ce := (*connect.Error)(nil)
	if err := get(t, url, "viewer", "full"); !errors.As(err, &ce) {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"Retry-After": "2", "X-Ratelimit-Limit": "10", "X-Ratelimit-Remaining": "0"} {
		if got := ce.Meta().Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	kinds := map[string]bool{}
	for _, d := range ce.Details() {
		m, err := d.Value()
		if err != nil {
			t.Fatal(err)
		}
		kinds[string(m.ProtoReflect().Descriptor().Name())] = true
		if info, ok := m.(*errdetails.ErrorInfo); ok && info.GetMetadata()["limit"] != "devices" {
			t.Errorf("error info: %v", info)
		}
	}
	if !kinds["QuotaFailure"] || !kinds["ErrorInfo"] || !kinds["RetryInfo"] {
		t.Errorf("details: %v", kinds)
	}
}

func TestStreamsPassTheSameChain(t *testing.T) {
	t.Parallel()
	url, _, _ := setup(t)
	for _, c := range []struct {
		role    string
		devices []string
		code    connect.Code
	}{{"viewer", []string{"press_01"}, 0}, {"", []string{"press_01"}, connect.CodeUnauthenticated}, {"viewer", nil, connect.CodeInvalidArgument}} {
		client := connect.NewClient[telemetryv1.WatchRequest, telemetryv1.WatchResponse](http.DefaultClient, url+telemetryv1connect.TelemetryServiceWatchProcedure)
		req := connect.NewRequest(&telemetryv1.WatchRequest{DeviceIds: c.devices})
		req.Header().Set("Authorization", "Bearer "+c.role)
		stream, err := client.CallServerStream(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		got := stream.Receive()
		if got != (c.code == 0) || (c.code != 0 && connect.CodeOf(stream.Err()) != c.code) {
			t.Errorf("%q watching %v: received %t, %v", c.role, c.devices, got, stream.Err())
		}
		_ = stream.Close()
	}
}

func TestPlainHTTPPassesTheSameChain(t *testing.T) {
	t.Parallel()
	url, _, _ := setup(t)
	for _, c := range []struct {
		path, header, value string
		status              int
		contains            string
	}{
		{"/ws", "Authorization", "Bearer viewer", 200, "viewer"},
		{"/ws", "Sec-WebSocket-Protocol", "millwright, bearer.operator", 200, "operator"},
		{"/ws?token=viewer", "X-None", "", 401, "sign in first"},
		{"/ws", "Authorization", "Bearer janitor", 403, "permission_denied"},
		{"/api/v1/devices/press_01", "Authorization", "Bearer viewer", 200, "press_01"},
		{"/api/v1/devices/missing", "Authorization", "Bearer viewer", 404, "there is no device missing"},
		{"/api/v1/devices/full", "Authorization", "Bearer viewer", 429, "limit devices"},
		{"/api/v1/devices/broken", "Authorization", "Bearer viewer", 500, "internal error; quote request id"},
		{"/api/v1/devices/press_01?colour=red", "Authorization", "Bearer viewer", 400, "colour"},
		{"/api/v1/devices?pageSize=many", "Authorization", "Bearer viewer", 400, "page_size"},
		{"/api/v2/devices", "Authorization", "Bearer viewer", 404, "no path of this API"},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set(c.header, c.value)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if res.StatusCode != c.status || !strings.Contains(string(body), c.contains) {
			t.Errorf("%s with %q: %d %s", c.path, c.value, res.StatusCode, body)
		}
		if c.status == 429 && res.Header.Get("Retry-After") != "2" {
			t.Errorf("%s: Retry-After %q", c.path, res.Header.Get("Retry-After"))
		}
	}
}
