package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/millwright-io/millwright/e2e/stack"
)

// journeyInTheConsole drives the console in Chromium: sign up, found an organisation, add a device, publish with the
// line that the page shows, and see the device come alive.
func journeyInTheConsole(t *testing.T, s *stack.Stack) {
	need(t, "chromium")
	need(t, "mosquitto_pub")
	screenshots := os.Getenv("MILLWRIGHT_E2E_SCREENSHOTS")
	if screenshots == "" {
		screenshots = t.TempDir()
	}
	publish := filepath.Join(t.TempDir(), "publish")
	script := `#!/bin/sh
set -eu
for value in 20.5 21.25 22.125; do
  mosquitto_pub -h "${MQTT_HOST:-127.0.0.1}" -p "` + portOf(t, s.Demo.MQTTAddress) + `" --cafile "$CERT_DIR/ca.pem" --cert "$CERT_DIR/cert.pem" --key "$CERT_DIR/key.pem" \
    -t v1/telemetry -q 1 -m "{\"measurements\":{\"temperature\":$value}}"
done
`
	if err := os.WriteFile(publish, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", "e2e/journey.mjs", "--base", s.Demo.ControlURL, "--publish-command", publish, "--screenshots", screenshots)
	cmd.Dir = filepath.Join(stack.Root(), "console")
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatalf("the journey ended with %v", err)
	}
}
