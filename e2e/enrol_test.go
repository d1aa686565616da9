package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/millwright-io/millwright/e2e/stack"
	// The walk of isolateTenants finds this service because it is linked in.
	_ "github.com/millwright-io/millwright/proto/gen/millwright/certificate/v1"
)

// enrolScript is what docs/enrolment.md shows: a device enrols, sends and renews with openssl and curl alone.
const enrolScript = `
set -euo pipefail
openssl ecparam -name prime256v1 -genkey -noout -out key.pem
openssl req -new -key key.pem -subj "/CN=$DEVICE" -outform DER | openssl base64 -e >request.b64
curl -sS --fail-with-body --cacert "$CA" "$EST/cacerts" | openssl base64 -d | openssl pkcs7 -inform DER -print_certs -outform PEM | sed -n '/BEGIN/,/END/p' >root.pem
curl -sS --fail-with-body --cacert "$CA" --user "claim:$TOKEN" -H 'Content-Type: application/pkcs10' --data-binary @request.b64 "$EST/simpleenroll" |
  openssl base64 -d | openssl pkcs7 -inform DER -print_certs >cert.pem
curl -sS --fail-with-body --cacert "$CA" --cert cert.pem --key key.pem -H 'Content-Type: application/json' -d '{"measurements":{"temperature":21.5}}' "$INGEST"
curl -sS --fail-with-body --cacert "$CA" --cert cert.pem --key key.pem -H 'Content-Type: application/pkcs10' --data-binary @request.b64 "$EST/simplereenroll" |
  openssl base64 -d | openssl pkcs7 -inform DER -print_certs >cert2.pem
`

// TestEnrolment gives devices certificates by EST, by a CA of the tenant's own, and renews short ones unattended.
func TestEnrolment(t *testing.T) {
	need(t, "curl")
	need(t, "openssl")
	s := stack.Start(t, stack.Options{Args: []string{"--device-certificate-life", "60s"}})
	t.Run("openssl and curl alone", func(t *testing.T) { enrolByHand(t, s) })
	t.Run("a CA of the tenant's own", func(t *testing.T) { ownAuthority(t, s) })
	t.Run("the simulator renews unattended", func(t *testing.T) { renewUnattended(t, s) })
}

func script(t *testing.T, dir, text string, env ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "bash", "-c", text)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// answer runs a verb and reads its JSON.
func answer(t *testing.T, s *stack.Stack, into any, args ...string) {
	t.Helper()
	if err := json.Unmarshal([]byte(s.Run(t, append(args, "-o", "json")...)), into); err != nil {
		t.Fatalf("%v: %v", args, err)
	}
}

type overview struct {
	EST             string `json:"est_url"`
	CRL             string `json:"crl_url"`
	IntermediatePEM string `json:"intermediate_pem"`
}

func enrolByHand(t *testing.T, s *stack.Stack) {
	var o overview
	answer(t, s, &o, "cert", "overview")
	var made struct {
		Template struct {
			ID string `json:"template_id"`
		}
		Secret string
	}
	answer(t, s, &made, "cert", "template", "create", "presses", "--type", "press", "--pattern", "press_[0-9]+", "--max", "5", "--facility", "north")
	answer(t, s, &made, "cert", "claim-token", "create", "--template", made.Template.ID)
	dir := t.TempDir()
	env := []string{"DEVICE=press_77", "CA=" + s.Demo.CAFile, "EST=" + o.EST, "TOKEN=" + made.Secret, "INGEST=" + s.Demo.IngestURL}
	if out, err := script(t, dir, enrolScript, env...); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := os.WriteFile(filepath.Join(dir, "intermediate.pem"), []byte(o.IntermediatePEM), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := script(t, dir, `diff -b root.pem "$CA" && openssl verify -purpose sslclient -CAfile root.pem -untrusted intermediate.pem cert2.pem`, env...); err != nil {
		t.Errorf("openssl verify: %v\n%s", err, out)
	}
	var list struct {
		Certificates []struct {
			Device      string `json:"device_id"`
			Certificate struct{ Serial, Status, Origin string }
		}
	}
	answer(t, s, &list, "cert", "list", "--device-prefix", "press_77")
	if len(list.Certificates) != 2 {
		t.Errorf("the device has %+v, want the old and the new one", list)
	}
	out, err := script(t, dir, `curl -sS --cacert "$CA" --user "claim:$TOKEN" --data-binary @request.b64 -w '%{http_code}' "$EST/simpleenroll"`, env...)
	if err != nil || !strings.Contains(out, "was used already") || !strings.HasSuffix(out, "401") {
		t.Errorf("the token a second time: %v %s", err, out)
	}
	s.Run(t, "cert", "revoke", "--devices", "press_77")
	stack.Eventually(t, 5*time.Second, "the gateway refuses the revoked certificate", func() error {
		out, err := script(t, dir, `curl -sS --cacert "$CA" --cert cert2.pem --key key.pem -d '{"measurements":{"a":1}}' "$INGEST"`, env...)
		if err != nil || !strings.Contains(out, "is revoked") {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	})
	stack.Eventually(t, 15*time.Second, "the revocation list names it", func() error {
		out, err := script(t, dir, `curl -sS --fail "$CRL" -o list.crl && openssl crl -inform DER -in list.crl -CAfile intermediate.pem -noout -text 2>&1 && openssl x509 -in cert2.pem -noout -serial`, append(env, "CRL="+o.CRL)...)
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		_, serial, _ := strings.Cut(out, "serial=")
		if strings.Count(out, strings.TrimSpace(serial)) < 2 {
			return fmt.Errorf("%s is not in %s", serial, out)
		}
		return nil
	})
}

// caScript makes a CA, proves its key and issues for a device that nobody has registered.
const caScript = `
set -euo pipefail
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout ca-key.pem -out ca.pem -days 30 -subj "/CN=Plant CA" \
  -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign
`

const issueScript = `
set -euo pipefail
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$NAME-key.pem" -subj "/CN=$NAME" -out "$NAME.csr"
openssl x509 -req -in "$NAME.csr" -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 7 -out "$NAME.pem"
`

func ownAuthority(t *testing.T, s *stack.Stack) {
	dir := t.TempDir()
	issue := func(name string) string {
		t.Helper()
		if out, err := script(t, dir, issueScript, "NAME="+name); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return filepath.Join(dir, name+".pem")
	}
	if out, err := script(t, dir, caScript); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var made struct {
		Template struct {
			ID string `json:"template_id"`
		}
		Authority struct {
			ID   string `json:"authority_id"`
			Code string `json:"verification_code"`
		}
	}
	answer(t, s, &made, "cert", "template", "create", "lathes", "--type", "lathe", "--pattern", "lathe_.*")
	answer(t, s, &made, "cert", "ca", "register", "plant", "--certificate", filepath.Join(dir, "ca.pem"), "--template", made.Template.ID)
	post := func(name string) (string, error) {
		return script(t, dir, `curl -sS --fail-with-body --cacert "$CA" --cert "$NAME.pem" --key "$NAME-key.pem" -d '{"measurements":{"a":1}}' "$INGEST"`,
			"CA="+s.Demo.CAFile, "INGEST="+s.Demo.IngestURL, "NAME="+name)
	}
	issue("lathe_1")
	if out, err := post("lathe_1"); err == nil {
		t.Errorf("a CA without proof counts: %s", out)
	}
	s.Run(t, "cert", "ca", "verify", made.Authority.ID, "--certificate", issue(made.Authority.Code))
	stack.Eventually(t, 10*time.Second, "a device that nobody has registered is admitted", func() error {
		out, err := post("lathe_1")
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	})
	if out := s.Run(t, "device", "get", "lathe_1"); !strings.Contains(out, "lathe") {
		t.Errorf("the device: %s", out)
	}
	s.Run(t, "cert", "ca", "revoke", made.Authority.ID)
	stack.Eventually(t, 5*time.Second, "its devices are refused", func() error {
		out, err := post("lathe_1")
		if err == nil {
			return fmt.Errorf("admitted: %s", out)
		}
		return nil
	})
}

// renewUnattended runs simulated devices for longer than their certificates live.
func renewUnattended(t *testing.T, s *stack.Stack) {
	out := s.Run(t, "simulate", "--devices", "2", "--rate", "20", "--duration", "75s", "--grace", "20s", "--seed", "77")
	if strings.Contains(out, "were not acknowledged") {
		t.Errorf("events were lost at a renewal: %s", out)
	}
	var list struct {
		Certificates []struct {
			Device      string `json:"device_id"`
			Certificate struct{ Status, Origin string }
		}
	}
	answer(t, s, &list, "cert", "list", "--device-prefix", "sim_77_")
	renewed := map[string]int{}
	for _, c := range list.Certificates {
		if c.Certificate.Origin == "CERTIFICATE_ORIGIN_RENEWAL" {
			renewed[c.Device]++
		}
	}
	if len(renewed) != 2 {
		t.Errorf("renewed %v of %+v, want both devices", renewed, list)
	}
}
