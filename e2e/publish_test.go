package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/nats-io/nats.go"

	"github.com/millwright-io/millwright/e2e/stack"
	telemetryv1 "github.com/millwright-io/millwright/proto/gen/millwright/telemetry/v1"
)

// visible is how soon after its acknowledgement an event must be found by every way of reading.
const visible = time.Second

// publishWithStockClients sends one event by each stock client and looks for it by each way of reading.
func publishWithStockClients(t *testing.T, s *stack.Stack) {
	ways := []struct {
		name    string
		publish func(t *testing.T, s *stack.Stack, dir, payload string)
	}{
		{"mosquitto_pub", mosquitto()},
		{"mosquitto_pub -V mqttv311", mosquitto("-V", "mqttv311")},
		{"mosquitto_pub -V 5", mosquitto("-V", "5")},
		{"MQTT over WebSocket", publishWebSocket},
		{"curl --cert", publishCurl},
		{"a request of nats.go", publishNATS},
	}
	for i, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			device := fmt.Sprintf("stock_%d", i)
			dir := newDevice(t, s, device)
			want := 20.25 + float64(i)
			at := time.Now().UTC().Truncate(time.Microsecond)
			payload := fmt.Sprintf(`{"deviceId":%q,"deviceType":"temperature_sensor","timestamp":%q,"measurements":{"temperature":%v,"vibration":{"x":0.02}}}`,
				device, at.Format(time.RFC3339Nano), want)
			way.publish(t, s, dir, payload)
			stack.Eventually(t, visible, "the row by Connect", func() error { return seenByConnect(s, device, want) })
			stack.Eventually(t, visible, "the row by REST", func() error { return seenByREST(s, device, want) })
			stack.Eventually(t, visible, "the row in ClickHouse", func() error { return seenInStore(s, device, want, at) })
		})
	}
	t.Run("buf curl reads it too", func(t *testing.T) { seenByBuf(t, s, "stock_0") })
}

func mosquitto(flags ...string) func(*testing.T, *stack.Stack, string, string) {
	return func(t *testing.T, s *stack.Stack, dir, payload string) {
		t.Helper()
		need(t, "mosquitto_pub")
		host, port, err := net.SplitHostPort(s.Demo.MQTTAddress)
		if err != nil {
			t.Fatalf("mqtt_address: %v", err)
		}
		args := append([]string{
			"-h", host, "-p", port, "--cafile", filepath.Join(dir, "ca.pem"), "--cert", filepath.Join(dir, "cert.pem"),
			"--key", filepath.Join(dir, "key.pem"), "-t", "v1/telemetry", "-q", "1", "-m", payload,
		}, flags...)
		if out, err := exec.Command("mosquitto_pub", args...).CombinedOutput(); err != nil || len(out) > 0 {
			t.Fatalf("mosquitto_pub: %v\n%s", err, out)
		}
	}
}

func publishWebSocket(t *testing.T, s *stack.Stack, dir, payload string) {
	t.Helper()
	opts := mqtt.NewClientOptions().AddBroker(fmt.Sprintf("wss://127.0.0.1:%d/mqtt", s.PortBase+4)).
		SetClientID("e2e").SetTLSConfig(stack.DeviceTLS(t, dir)).SetConnectTimeout(10 * time.Second).SetAutoReconnect(false)
	client := mqtt.NewClient(opts)
	if token := client.Connect(); !token.WaitTimeout(10*time.Second) || token.Error() != nil {
		t.Fatalf("connect: %v", token.Error())
	}
	defer client.Disconnect(250)
	if token := client.Publish("v1/telemetry", 1, false, payload); !token.WaitTimeout(10*time.Second) || token.Error() != nil {
		t.Fatalf("publish: %v", token.Error())
	}
}

func publishCurl(t *testing.T, s *stack.Stack, dir, payload string) {
	t.Helper()
	need(t, "curl")
	out, err := exec.Command("curl", "-sS", "--fail-with-body", "--cacert", filepath.Join(dir, "ca.pem"), "--cert", filepath.Join(dir, "cert.pem"),
		"--key", filepath.Join(dir, "key.pem"), "-H", "Content-Type: application/json", "-d", payload, s.Demo.IngestURL).CombinedOutput()
	if err != nil {
		t.Fatalf("curl: %v\n%s", err, out)
	}
}

func publishNATS(t *testing.T, s *stack.Stack, dir, payload string) {
	t.Helper()
	nc, err := nats.Connect(s.Demo.NATSURL, nats.Secure(stack.DeviceTLS(t, dir)), nats.NoReconnect())
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	defer nc.Close()
	answer, err := nc.Request("v1.telemetry", []byte(payload), 10*time.Second)
	if err != nil || string(answer.Data) != `{"stream":"telemetry","seq":1,"accepted":1}` {
		t.Fatalf("request: %v %v", answer, err)
	}
}

func seenByConnect(s *stack.Stack, device string, want float64) error {
	res, err := s.Telemetry(s.Demo.APIKey).Query(context.Background(), &telemetryv1.QueryRequest{DeviceId: device, Measurements: []string{"temperature"}, Resolution: telemetryv1.Resolution_RESOLUTION_RAW})
	if err != nil {
		return err
	}
	if len(res.Series) != 1 || len(res.Series[0].Points) != 1 || res.Series[0].Points[0].Value != want {
		return fmt.Errorf("got %v, want one point of %v", res.Series, want)
	}
	return nil
}

func seenByREST(s *stack.Stack, device string, want float64) error {
	req, err := http.NewRequest(http.MethodGet, s.Demo.CellURL+"/api/v1/devices/"+device+"/metrics?measurements=temperature&resolution=RESOLUTION_RAW", http.NoBody)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+s.Demo.APIKey)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	var got struct {
		Series []struct {
			Points []struct{ Value float64 }
		}
	}
	if err := json.Unmarshal(body, &got); err != nil || res.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d: %s: %w", res.StatusCode, body, err)
	}
	if len(got.Series) != 1 || len(got.Series[0].Points) != 1 || got.Series[0].Points[0].Value != want {
		return fmt.Errorf("got %s, want one point of %v", body, want)
	}
	return nil
}

func seenInStore(s *stack.Stack, device string, want float64, at time.Time) error {
	conn, err := openStore(s)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	var value float64
	var stored time.Time
	row := conn.QueryRow(context.Background(), "select value, time from points where device = ? and measurement = 'temperature'", device)
	if err := row.Scan(&value, &stored); err != nil {
		return err
	}
	if value != want || !stored.Equal(at) {
		return fmt.Errorf("got %v at %v, want %v at %v", value, stored, want, at)
	}
	return nil
}

// openStore connects to the demo tenant's database with the tenant's own user.
func openStore(s *stack.Stack) (clickhouse.Conn, error) {
	addr := strings.TrimPrefix(s.Demo.ClickHouseURL, "http://")
	return clickhouse.Open(&clickhouse.Options{
		Protocol: clickhouse.HTTP,
		Addr:     []string{addr},
		Auth:     clickhouse.Auth{Database: s.Demo.ClickHouseDatabase, Username: s.Demo.ClickHouseUsername, Password: s.Demo.ClickHousePassword},
	})
}

func seenByBuf(t *testing.T, s *stack.Stack, device string) {
	t.Helper()
	buf := filepath.Join(stack.Root(), "proto", "tools", "node_modules", ".bin", "buf")
	if _, err := os.Stat(buf); err != nil {
		missing(t, "buf: run `make generate` once")
		return
	}
	cmd := exec.Command(buf, "curl", "--schema", ".", "--protocol", "connect", "-H", "Authorization: Bearer "+s.Demo.APIKey,
		"-d", fmt.Sprintf(`{"deviceId":%q}`, device), s.Demo.CellURL+"/millwright.telemetry.v1.TelemetryService/Query")
	cmd.Dir = filepath.Join(stack.Root(), "proto")
	out, err := cmd.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("temperature")) {
		t.Fatalf("buf curl: %v\n%s", err, out)
	}
}

// need stops the test when a program is not installed: a failure where everything must run, else a skip that says so.
func need(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		missing(t, program+" is not installed")
	}
}

func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(what)
	}
	t.Skip(what)
}
