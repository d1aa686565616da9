package client_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/millwright-io/millwright/deploy/internal/client"
	"github.com/millwright-io/millwright/deploy/internal/command"
	devicev1 "github.com/millwright-io/millwright/proto/gen/millwright/device/v1"
	"github.com/millwright-io/millwright/proto/gen/millwright/device/v1/devicev1connect"
)

// devices is a control plane that registers one device.
type devices struct {
	devicev1connect.UnimplementedDeviceServiceHandler
}

func (devices) Create(_ context.Context, req *devicev1.CreateRequest) (*devicev1.CreateResponse, error) {
	if req.GetDeviceId() == "taken" {
		return nil, connect.NewError(connect.CodeAlreadyExists, os.ErrExist)
	}
	return &devicev1.CreateResponse{
		Device:      &devicev1.Device{DeviceId: req.GetDeviceId(), DeviceType: req.GetDeviceType()},
		Credentials: &devicev1.Credentials{CertificatePem: "certificate", PrivateKeyPem: "private", CaPem: "root", Serial: "0a"},
	}, nil
}

func run(t *testing.T, server string, args ...string) (code int, out, errs string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	env := map[string]string{"MILLWRIGHT_SERVER": server, "MILLWRIGHT_KEY": "mw_x"}
	code = command.NewRegistry("millwright", client.Commands()).Main(t.Context(), command.Env{
		Out: &stdout, Err: &stderr, Getenv: func(name string) string { return env[name] }, Now: time.Now,
	}, args)
	return code, stdout.String(), stderr.String()
}

func serve(t *testing.T) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle(devicev1connect.NewDeviceServiceHandler(devices{}))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

func TestCreateWritesTheCredentialsAndShowsNoKey(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "press_01")
	code, out, errs := run(t, serve(t), "device", "create", "press_01", "--type", "press", "--out", dir, "-o", "json")
	if code != 0 || strings.Contains(out, `"private"`) || !strings.Contains(out, `"press_01"`) {
		t.Fatalf("exit %d, %s%s", code, out, errs)
	}
	for name, mode := range map[string]os.FileMode{"cert.pem": 0o644, "key.pem": 0o600, "ca.pem": 0o644} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
}

func TestFailuresHaveTheirExitCodes(t *testing.T) {
	t.Parallel()
	server := serve(t)
	dir := t.TempDir()
	cases := map[string]struct {
		server string
		args   string
		code   int
		err    string
	}{
		"nobody answers":         {"http://127.0.0.1:1", "tenant get", command.ExitUnreachable, "is `millwright up` running"},
		"no URL":                 {"plant.example", "tenant get", command.ExitUsage, "--server"},
		"a taken name":           {server, "device create taken --type t --out " + dir, command.ExitCheckFailed, "already_exists"},
		"no type":                {server, "device create a --out " + dir, command.ExitUsage, "--type"},
		"an unknown role":        {server, "key create k --role king", command.ExitUsage, "owner, admin"},
		"a time that is none":    {server, "usage get --start yesterday", command.ExitUsage, "RFC 3339"},
		"an unknown form":        {server, "device list -o xml", command.ExitUsage, "table or json"},
		"a missing serial":       {server, "device certificate revoke a", command.ExitUsage, "revoke NAME SERIAL"},
		"a service not built in": {server, "device list", command.ExitCheckFailed, "unimplemented"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, _, errs := run(t, c.server, strings.Fields(c.args)...)
			if code != c.code || !strings.Contains(errs, c.err) || strings.Count(errs, "\n") != 1 {
				t.Fatalf("exit %d: %s", code, errs)
			}
		})
	}
}
