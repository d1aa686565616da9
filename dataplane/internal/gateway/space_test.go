package gateway

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/millwright-io/millwright/dataplane/internal/frame"
	"github.com/millwright-io/millwright/dataplane/internal/telemetry"
)

// noSpace is a publisher on a disk that is nearly full.
type noSpace struct{ Publisher }

func (noSpace) Append(context.Context, int, []telemetry.Event, frame.Receipt, uint64) error {
	return ErrNoSpace
}

func TestWantOfSpaceIsSaidInEachProtocol(t *testing.T) {
	t.Parallel()
	c := setup(t)
	c.held.Publisher = noSpace{c.held.Publisher} // nobody is connected yet
	five := c.client(c.cert, 5).connected()
	five.publish("v1/telemetry", 1, measured(`{"temperature":1}`))
	if p := five.read(packets.Disconnect); p.ReasonCode != 0x89 || !strings.Contains(p.Properties.ReasonString, "disk is nearly full") {
		t.Errorf("MQTT 5: %#x %q", p.ReasonCode, p.Properties.ReasonString)
	}
	three := c.client(c.cert, 4).connected()
	three.publish("v1/telemetry", 1, measured(`{"temperature":1}`))
	three.closed()
	status, answer, header := c.post(c.cert, measured(`{"temperature":1}`))
	if status != http.StatusServiceUnavailable || !strings.Contains(answer.Message, "disk is nearly full") || header.Get("Retry-After") == "" {
		t.Errorf("HTTP: %d %+v %v", status, answer, header)
	}
}
