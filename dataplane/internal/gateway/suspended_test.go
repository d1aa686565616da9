package gateway

import (
	"strings"
	"testing"

	"github.com/mochi-mqtt/server/v2/packets"
)

// TestASuspendedTenantHearsWhy cuts what is connected and refuses what comes, in each protocol's form, and lets everything
// in again afterwards.
func TestASuspendedTenantHearsWhy(t *testing.T) {
	t.Parallel()
	c := setup(t)
	cert := c.device(globex, "g1")
	live, old := c.client(cert, 5).connected(), c.client(c.device(globex, "g2"), 4).connected()
	if status, body, _ := c.post(cert, measured(`{"a":1}`)); status != 202 {
		t.Fatalf("before: %d %q", status, body.Message)
	}
	tenant := c.tenant(globex)
	tenant.Suspended, tenant.Suspension = true, "invoice 7 is not paid"
	c.catalog.SetTenant(tenant)
	const words = "the organisation is suspended: invoice 7 is not paid"

	if d := live.read(packets.Disconnect); d.ReasonCode != 0x87 || d.Properties.ReasonString != words {
		t.Errorf("live session: 0x%02x %q", d.ReasonCode, d.Properties.ReasonString)
	}
	live.closed()
	old.closed()
	if ack := c.client(cert, 5).connect(); ack.ReasonCode != 0x87 || ack.Properties.ReasonString != words {
		t.Errorf("MQTT 5: 0x%02x %q", ack.ReasonCode, ack.Properties.ReasonString)
	}
	if ack := c.client(cert, 4).connect(); ack.ReasonCode != 5 {
		t.Errorf("MQTT 3.1.1: 0x%02x", ack.ReasonCode)
	}
	if status, body, _ := c.post(cert, measured(`{"a":1}`)); status != 403 || !strings.Contains(body.Message, words) {
		t.Errorf("HTTP: %d %q", status, body.Message)
	}

	tenant.Suspended, tenant.Suspension = false, ""
	c.catalog.SetTenant(tenant)
	c.client(cert, 5).connected()
	if status, body, _ := c.post(cert, measured(`{"a":1}`)); status != 202 {
		t.Errorf("afterwards: %d %q", status, body.Message)
	}
}
