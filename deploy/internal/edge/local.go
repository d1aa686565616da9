package edge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/millwright-io/millwright/tenancy"
)

const (
	topicOwn               = "v1/telemetry"
	topicBase, topicBehind = "v1/devices/", "/telemetry"
	// headerBytes is what a PUBLISH may have beside its payload.
	headerBytes = 4 << 10
)

// local is the MQTT server of the plant's devices.
type local struct {
	server   *mqtt.Server
	listener net.Listener
	once     sync.Once
}

func listen(cfg Config, kept *store, fleet *fleet, counts *counts, log *slog.Logger) (*local, error) {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", cfg.MQTTAddress)
	if err != nil {
		return nil, fmt.Errorf("listen for mqtt on %s: %w: free the port or name another by --mqtt-address", cfg.MQTTAddress, err)
	}
	capabilities := mqtt.NewDefaultServerCapabilities()
	capabilities.MaximumClients = int64(cfg.Connections)
	capabilities.MaximumPacketSize = uint32(cfg.PayloadBytes + headerBytes) //nolint:gosec // checked
	capabilities.MaximumSessionExpiryInterval = 0                           // there is nothing to keep for a device that is away
	capabilities.ReceiveMaximum, capabilities.TopicAliasMaximum = 64, 16
	capabilities.SharedSubAvailable, capabilities.WildcardSubAvailable, capabilities.SubIDAvailable = 0, 0, 0
	server := mqtt.New(&mqtt.Options{Capabilities: capabilities, Logger: slog.New(slog.DiscardHandler)})
	hook := &intake{store: kept, fleet: fleet, counts: counts, log: log, most: cfg.PayloadBytes}
	err = errors.Join(server.AddHook(hook, nil), server.AddListener(listeners.NewNet("mqtt", listener)))
	if err == nil {
		err = server.Serve()
	}
	if err != nil {
		_ = listener.Close()
		return nil, fmt.Errorf("serve mqtt: %w", err)
	}
	return &local{server: server, listener: listener}, nil
}

func (l *local) address() string { return l.listener.Addr().String() }

func (l *local) stop() { l.once.Do(func() { _ = l.server.Close() }) }

// intake puts every message on the disk before the server acknowledges it.
type intake struct {
	mqtt.HookBase
	store  *store
	fleet  *fleet
	counts *counts
	log    *slog.Logger
	most   int
}

// ID implements mqtt.Hook.
func (*intake) ID() string { return "intake" }

// Provides implements mqtt.Hook.
func (*intake) Provides(b byte) bool {
	return slices.Contains([]byte{mqtt.OnConnectAuthenticate, mqtt.OnACLCheck, mqtt.OnPublish, mqtt.OnWill}, b)
}

// OnConnectAuthenticate implements mqtt.Hook: whoever reaches the listener is the plant's. The cell decides whom the edge speaks for.
func (*intake) OnConnectAuthenticate(*mqtt.Client, packets.Packet) bool { return true }

// OnACLCheck implements mqtt.Hook: devices send, and hear nothing of each other.
func (*intake) OnACLCheck(_ *mqtt.Client, _ string, write bool) bool { return write }

// OnWill implements mqtt.Hook: a will has nobody to go to.
func (*intake) OnWill(_ *mqtt.Client, will mqtt.Will) (mqtt.Will, error) {
	return will, errors.New("wills are not sent")
}

// OnPublish implements mqtt.Hook. When it returns, the message is stored, and is acknowledged, or its sender hears why not: MQTT 5 by a
// reason, MQTT 3.1.1 by the end of the connection, and a message of QoS 0 not at all.
func (i *intake) OnPublish(cl *mqtt.Client, pk packets.Packet) (packets.Packet, error) {
	code, err := i.take(cl.ID, pk.TopicName, pk.Payload)
	pk.FixedHeader.Retain = false
	if err == nil {
		i.counts.taken.Add(1)
		return pk, nil
	}
	i.counts.turnedAway.Add(1)
	i.log.Debug("a message is refused", slog.String("client", cl.ID), slog.Any("error", err))
	code.Reason = err.Error()
	switch {
	case pk.FixedHeader.Qos == 0:
		return pk, packets.ErrRejectPacket
	case cl.Properties.ProtocolVersion == 5 && pk.FixedHeader.Qos == 1:
		return pk, code
	}
	cl.Stop(code)
	return pk, packets.ErrRejectPacket
}

// take returns the reason code of MQTT 5 with an error.
func (i *intake) take(client, topic string, payload []byte) (packets.Code, error) {
	device, err := deviceOf(client, topic)
	if err != nil {
		return packets.ErrTopicNameInvalid, err
	}
	if len(payload) > i.most {
		return packets.ErrPacketTooLarge, fmt.Errorf("the payload is %d bytes and %d are allowed: send fewer events at once", len(payload), i.most)
	}
	if len(payload) == 0 {
		return packets.ErrPayloadFormatInvalid, errors.New("the payload is empty: send one JSON object, an array of them, or one a line")
	}
	l, err := i.fleet.lane(device)
	if err != nil {
		return packets.ErrQuotaExceeded, err
	}
	err = i.store.put(context.Background(), waitingSubject+device, payload)
	switch {
	case errors.Is(err, errFull):
		return packets.ErrQuotaExceeded, err
	case err != nil:
		i.log.Error("a message is not stored", slog.Any("error", err))
		return packets.ErrServerBusy, errors.New("the message cannot be stored now: keep it and send it again")
	}
	l.wake()
	return packets.CodeSuccess, nil
}

// deviceOf says whose a message is: the topic's device, or the client's own id.
func deviceOf(client, topic string) (string, error) {
	device := client
	if topic != topicOwn {
		rest, begins := strings.CutPrefix(topic, topicBase)
		ends := false
		if device, ends = strings.CutSuffix(rest, topicBehind); !begins || !ends {
			return "", fmt.Errorf("topic %.60q is not known: publish to %s<device id>%s, or to %s with the device's id as client id", topic, topicBase, topicBehind, topicOwn)
		}
	}
	if !tenancy.IsName(device) {
		return "", fmt.Errorf("%.60q is no device id: want 1 to 63 letters, digits, _ or -", device)
	}
	return device, nil
}
