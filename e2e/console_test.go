package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/millwright-io/millwright/e2e/stack"
)

// journeyInTheConsole drives the console in Chromium, as a new customer would and only through the browser: sign up, found
// an organisation in us-1, add, import and enrol devices by what the pages show, invite, revoke, read the audit log. The stack
// has that region.
func journeyInTheConsole(t *testing.T, s *stack.Stack) {
	for _, program := range []string{"chromium", "mosquitto_pub", "openssl", "curl"} {
		need(t, program)
	}
	publish := filepath.Join(t.TempDir(), "publish")
	script := `#!/bin/sh
set -eu
for value in 20.5 21.25 22.125; do
  mosquitto_pub -h "$MQTT_HOST" -p "$MQTT_PORT" --cafile "$CERT_DIR/ca.pem" --cert "$CERT_DIR/cert.pem" --key "$CERT_DIR/key.pem" \
    -t v1/telemetry -q 1 -m "{\"measurements\":{\"temperature\":$value}}"
done
`
	if err := os.WriteFile(publish, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	args := []string{"e2e/journey.mjs", "--base", s.Demo.ControlURL, "--publish-command", publish, "--region", "us-1"}
	if dir := os.Getenv("MILLWRIGHT_E2E_SCREENSHOTS"); dir != "" {
		args = append(args, "--screenshots", dir)
	}
	cmd := exec.CommandContext(t.Context(), "node", args...)
	cmd.Dir = filepath.Join(stack.Root(), "console")
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatalf("the journey ended with %v", err)
	}
}
