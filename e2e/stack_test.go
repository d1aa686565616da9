// Package e2e drives the built binary as people, devices and API clients do, on real parts.
package e2e

import (
	"path/filepath"
	"testing"

	"github.com/millwright-io/millwright/e2e/stack"
)

// TestStack runs everything that leaves `up` alive on one instance of it.
func TestStack(t *testing.T) {
	s := stack.Start(t, stack.Options{})
	cases := []struct {
		name string
		run  func(*testing.T, *stack.Stack)
	}{
		{"a device publishes with stock clients and its row is visible everywhere", publishWithStockClients},
		{"a recording is replayed to the last digit", replayRecordings},
		{"the simulator's acknowledged events are stored once", simulateAndVerify},
		{"bad input gets a sentence and harms nothing", refuseBadInput},
		{"a dead letter is put right and stored once", putDeadLetterRight},
		{"a device is cut off when it is suspended or its certificate revoked", cutOffDevices},
		{"tenants cannot reach each other", isolateTenants},
		{"roles may do what their role says", enforceRoles},
		{"who is confined to a facility follows its name", followRenamedFacility},
		{"a person signs in by the command line, with a second factor where it is required", workSignedIn},
		{"an operator works by the command line", operate},
		{"the commands of the documentation print what it says", runTheDocumentation},
		{"the audit log is one unbroken chain", verifyAudit},
		{"so is the log of the operators", verifyPlatformAudit},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { c.run(t, s) })
	}
}

// newDevice registers a device by the command line and returns the folder with its credentials.
func newDevice(t *testing.T, s *stack.Stack, name string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), name)
	s.Run(t, "device", "create", name, "--type", "temperature_sensor", "--out", dir)
	return dir
}
