package gateway

import (
	"fmt"
	"strings"

	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/millwright-io/millwright/dataplane/internal/catalog"
	"github.com/millwright-io/millwright/dataplane/internal/frame"
	"github.com/millwright-io/millwright/dataplane/internal/telemetry"
	"github.com/millwright-io/millwright/tenancy"
)

// A gateway device sends for others: what it sends is decoded, limited, placed and stored as theirs, with the gateway
// noted in the event's attributes, where no device can write.

// speaksFor returns whom a device sends for, and what that one is held to. The answer is asked for with every message,
// so that it ends as soon as the catalog says so.
func (g *Gateway) speaksFor(id *Identity, other string) (*Identity, *catalog.Policy, error) {
	speaker, _ := g.Catalog.Device(id.Tenant, id.Device)
	device, known := g.Catalog.Device(id.Tenant, other)
	switch {
	case !speaker.SpeaksFor(other, device.Groups): // said first: a device learns nothing of those it does not speak for
		return nil, nil, barred("not_its_gateway", "device %s may not send for device %s: publish to %s, or make it a gateway for that device first",
			id.Device, other, topicOwn)
	case !known:
		return nil, nil, barred("unknown_device", "device %s does not exist: create it first", other)
	case device.Retired:
		return nil, nil, barred("device_retired", "device %s is retired: create one with another id", other)
	case device.Suspended:
		return nil, nil, barred("device_suspended", "device %s is suspended: resume it to let it send", other)
	}
	as := *id
	as.Schema, as.Class = g.Catalog.Schema(id.Tenant, device.Type), g.decoders.class(device.Type)
	as.Device, as.Via, as.Partition = other, id.Device, frame.Partition(id.Tenant, other, g.Publisher.Partitions())
	return &as, g.Catalog.Policy(device), nil
}

// held says what a device's groups hold against a message; nil: nothing.
func held(p *catalog.Policy, device, topic string, size int) error {
	if p == nil {
		return nil
	}
	if group, ok := p.Allows(topic); !ok {
		return barred("topic_not_allowed", "group %s does not allow device %s the topic %s: change the group's policy or the topic", group, device, topic)
	}
	if p.PayloadBytes > 0 && size > p.PayloadBytes {
		return &tenancy.LimitError{Limit: tenancy.LimitPayloadBytes, Scope: "group " + p.PayloadGroup, Current: int64(size), Maximum: int64(p.PayloadBytes)}
	}
	return nil
}

// whose decides whom a PUBLISH is for. When it returns nil, the message was answered or going is false.
func (s *session) whose(p *publish) (id *Identity, going bool) {
	topic, device, code, sentence := s.topics.check(p, s.id.Device)
	if code.Code != 0 {
		return nil, s.turnDown(p, code, sentence)
	}
	id, policy := &s.id, s.policy.Load()
	if device != s.id.Device {
		var err error
		if id, policy, err = s.g.speaksFor(&s.id, device); err != nil {
			return nil, s.turnDown(p, packets.ErrNotAuthorized, err.Error())
		}
	}
	switch err := held(policy, id.Device, topic, len(p.payload)).(type) { //nolint:errorlint // held wraps nothing
	case nil:
		return id, true
	case *tenancy.LimitError:
		s.g.Refused(id.Tenant, err, 1)
		return nil, s.turnDown(p, packets.ErrQuotaExceeded, err.Error()+": send fewer events at once")
	default:
		return nil, s.turnDown(p, packets.ErrNotAuthorized, err.Error())
	}
}

// noteGateway writes into events who sent them for the device.
func noteGateway(events []telemetry.Event, via string) {
	if via == "" {
		return
	}
	before, after := "", ""
	for i := range events {
		if after == "" || events[i].Attributes != before {
			before = events[i].Attributes
			after = fmt.Sprintf(`{"gateway":%q}`, via)
			if rest, ok := strings.CutPrefix(before, "{"); ok {
				after = strings.TrimSuffix(after, "}") + "," + rest
			}
		}
		events[i].Attributes = after
	}
}
