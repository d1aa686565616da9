package e2e

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/millwright-io/millwright/e2e/stack"
	deadletterv1 "github.com/millwright-io/millwright/proto/gen/millwright/deadletter/v1"
)

// refuseBadInput posts what must not be stored. Each answer names what was wrong, each message is kept as a dead letter
// where it was readable at all, and the device goes on as if nothing had happened.
func refuseBadInput(t *testing.T, s *stack.Stack) {
	dir := newDevice(t, s, "clumsy")
	client := stack.DeviceHTTP(t, dir)
	now := time.Now().UTC()
	cases := []struct {
		name, body string
		status     int
		says       []string
		dead       bool
	}{
		{"JSON that is cut off", `{"measurements":{"temperature":2`, 400, []string{"JSON"}, true},
		{"not JSON at all", `hello`, 400, []string{"JSON"}, true},
		{"no measurements", `{"deviceId":"clumsy"}`, 400, []string{"measurements"}, true},
		{"a measurement that is text", `{"measurements":{"temperature":"warm"}}`, 400, []string{"temperature", "number"}, true},
		{"NaN", `{"measurements":{"temperature":NaN}}`, 400, []string{}, true},
		{"infinity by overflow", `{"measurements":{"temperature":1e999}}`, 400, []string{"temperature"}, true},
		{"an hour in 1970", `{"timestamp":"1970-01-01T00:00:00Z","measurements":{"temperature":1}}`, 400, []string{"1970"}, true},
		{"next year", `{"timestamp":"` + now.AddDate(1, 0, 0).Format(time.RFC3339) + `","measurements":{"temperature":1}}`, 400, []string{fmt.Sprint(now.Year() + 1)}, true},
		{"a timestamp that is none", `{"timestamp":"yesterday","measurements":{"temperature":1}}`, 400, []string{"timestamp"}, true},
		{"another device's name", `{"deviceId":"somebody","measurements":{"temperature":1}}`, 400, []string{"somebody", "clumsy"}, true},
		{"larger than a message may be", `{"measurements":{"temperature":1},"metadata":{"x":"` + strings.Repeat("x", 300_000) + `"}}`, 413, []string{"262144"}, false},
		{"10 000 measurement names", manyNames(10_000), 400, []string{"measurement"}, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			before := deadLetters(t, s, "clumsy")
			status, answer := post(t, client, s.Demo.IngestURL, c.body)
			if status != c.status {
				t.Fatalf("status %d, want %d: %s", status, c.status, answer)
			}
			var problem struct{ Code, Message string }
			if err := json.Unmarshal([]byte(answer), &problem); err != nil || problem.Code == "" || problem.Message == "" {
				t.Fatalf("the answer has no code and message: %s", answer)
			}
			for _, word := range c.says {
				if !strings.Contains(answer, word) {
					t.Errorf("the answer does not say %q: %s", word, answer)
				}
			}
			if !c.dead {
				return
			}
			stack.Eventually(t, 10*time.Second, "the message is kept as a dead letter", func() error {
				if n := deadLetters(t, s, "clumsy"); n != before+1 {
					return fmt.Errorf("%d dead letters, %d before", n, before)
				}
				return nil
			})
		})
	}
	t.Run("good events of an array survive a bad one", func(t *testing.T) {
		status, answer := post(t, client, s.Demo.IngestURL, `[{"measurements":{"kept":1}},{"measurements":{"kept":"x"}},{"measurements":{"kept":3}}]`)
		if status != http.StatusBadRequest {
			t.Fatalf("status %d: %s", status, answer)
		}
		stack.Eventually(t, 5*time.Second, "two events are stored", func() error {
			if n := storedPoints(t, s, "clumsy", "kept"); n != 2 {
				return fmt.Errorf("%d are", n)
			}
			return nil
		})
	})
	t.Run("a topic that is none of ours", func(t *testing.T) {
		need(t, "mosquitto_pub")
		before := storedEvents(t, s, "clumsy")
		out, _ := publishTo(s, dir, "wrong/topic", "5", `{"measurements":{"temperature":1}}`)
		t.Log(out)
		if after := storedEvents(t, s, "clumsy"); after != before {
			t.Errorf("it was stored")
		}
	})
	t.Run("a certificate of somebody else's CA", func(t *testing.T) { refuseForeign(t, s, dir) })
	t.Run("it still works", func(t *testing.T) {
		if status, answer := post(t, client, s.Demo.IngestURL, `{"measurements":{"fine":1}}`); status != http.StatusAccepted {
			t.Fatalf("status %d: %s", status, answer)
		}
	})
	t.Run("what was refused is counted", func(t *testing.T) { verifyCell(t, s) })
	t.Run("unknown query parameters and bodies of the API", func(t *testing.T) {
		for _, path := range []string{"/api/v1/devices/clumsy/metrics?colour=red", "/api/v1/devices/clumsy/metrics?limit=x", "/api/v1/devices/clumsy/metrics?limit=-1", "/api/v1/devices/%20/metrics"} {
			req, err := http.NewRequest(http.MethodGet, s.Demo.CellURL+path, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", "Bearer "+s.Demo.APIKey)
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			b, _ := io.ReadAll(res.Body)
			_ = res.Body.Close()
			if res.StatusCode != http.StatusBadRequest {
				t.Errorf("%s: %s %s", path, res.Status, b)
			}
		}
	})
}

func post(t *testing.T, client *http.Client, to, body string) (status int, answer string) {
	t.Helper()
	res, err := client.Post(to, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

func manyNames(n int) string {
	var b bytes.Buffer
	b.WriteString(`{"measurements":{`)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `"m%d":1`, i)
	}
	b.WriteString("}}")
	return b.String()
}

func deadLetters(t *testing.T, s *stack.Stack, device string) int {
	t.Helper()
	res, err := s.DeadLetters(s.Demo.APIKey).List(context.Background(), &deadletterv1.ListRequest{
		Filter: &deadletterv1.Filter{DeviceIds: []string{device}}, PageSize: 500,
	})
	if err != nil {
		t.Fatal(err)
	}
	return len(res.DeadLetters)
}

func storedPoints(t *testing.T, s *stack.Stack, device, measurement string) uint64 {
	t.Helper()
	conn, err := openStore(s)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	var n uint64
	if err := conn.QueryRow(context.Background(), "select count() from points where device = ? and measurement = ?", device, measurement).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// refuseForeign makes a CA of its own that claims the device's identity.
func refuseForeign(t *testing.T, s *stack.Stack, dir string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	id, err := url.Parse("spiffe://millwright/tenant/" + s.Demo.TenantID + "/device/clumsy")
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "clumsy"}, URIs: []*url.URL{id}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	ca, err := os.ReadFile(filepath.Join(dir, "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{
		RootCAs: roots, MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
	}}}
	status, answer := post(t, client, s.Demo.IngestURL, `{"measurements":{"temperature":1}}`)
	if status != http.StatusUnauthorized || !strings.Contains(answer, "certificate") {
		t.Errorf("status %d: %s", status, answer)
	}
}
