package gateway

import (
	"errors"
	"fmt"
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/telemetry"
)

// Config is what a gateway is told; DefaultConfig has the values that are right for most.
type Config struct {
	// MQTTAddress, WebSocketAddress, HTTPAddress and NATSAddress are host:port; port 0 lets the system choose. Empty: devices do not come
	// that way.
	MQTTAddress      string
	WebSocketAddress string
	HTTPAddress      string
	NATSAddress      string
	// CertificateDir holds gateway.pem, gateway-key.pem and ca.pem; newer files are taken up while the gateway runs.
	CertificateDir string
	// PayloadBytes is the largest payload; a tenant's own limit may be lower.
	PayloadBytes int
	// Connections and ConnectionsPerTenant bound the connections over MQTT and NATS.
	Connections          int
	ConnectionsPerTenant int
	// HandshakeTimeout bounds the TLS handshake, ConnectTimeout the time from then to a whole CONNECT.
	HandshakeTimeout time.Duration
	ConnectTimeout   time.Duration
	// KeepAlive is the longest silence of a client, and holds for those that ask for none or more.
	KeepAlive time.Duration
	// RestAfter is how long an MQTT connection is silent before its buffers are given back.
	RestAfter time.Duration
	// PingInterval is after how long a silence a client of NATS is asked whether it is there.
	PingInterval time.Duration
	// ReceiveMaximum is how many QoS 1 messages, or requests over NATS, of a connection may wait for their answer.
	ReceiveMaximum int
	// AdmissionWait is how long a sender over its rate is held back before it is refused.
	AdmissionWait time.Duration
	// HTTPWait bounds how long a request waits to be durable.
	HTTPWait time.Duration
	// DrainTimeout bounds the answers that are still due when the gateway stops.
	DrainTimeout time.Duration
}

// DefaultConfig leaves CertificateDir to the caller.
func DefaultConfig() Config {
	return Config{
		MQTTAddress: "127.0.0.1:8883", WebSocketAddress: "127.0.0.1:8884", HTTPAddress: "127.0.0.1:8443", NATSAddress: "127.0.0.1:8885",
		PayloadBytes: 256 << 10, Connections: 20_000, ConnectionsPerTenant: 10_000,
		HandshakeTimeout: 10 * time.Second, ConnectTimeout: 10 * time.Second, KeepAlive: 20 * time.Minute, RestAfter: 2 * time.Second, PingInterval: 2 * time.Minute,
		ReceiveMaximum: 1024, AdmissionWait: time.Second, HTTPWait: 5 * time.Second, DrainTimeout: 5 * time.Second,
	}
}

// Validate returns everything that is wrong, joined.
func (c Config) Validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	check(c.CertificateDir != "", "certificate directory is empty: name the one with gateway.pem, gateway-key.pem and ca.pem")
	check(c.PayloadBytes >= 1<<10 && c.PayloadBytes <= 4<<20, "payload limit %d bytes: want 1 KiB to 4 MiB", c.PayloadBytes)
	check(c.Connections > 0 && c.ConnectionsPerTenant > 0, "connection limits %d and %d: want above 0", c.Connections, c.ConnectionsPerTenant)
	check(c.ReceiveMaximum >= 1 && c.ReceiveMaximum <= 65535, "receive maximum %d: want 1 to 65535", c.ReceiveMaximum)
	check(c.HandshakeTimeout > 0 && c.ConnectTimeout > 0 && c.KeepAlive >= time.Second && c.KeepAlive <= 65535*time.Second,
		"timeouts: want above 0, and a keep-alive of 1s to 65535s")
	check(c.PingInterval > 0 && c.PingInterval <= time.Hour, "ping interval %s: want above 0, at most 1h", c.PingInterval)
	check(c.RestAfter > 0, "rest after %s: want above 0", c.RestAfter)
	check(c.AdmissionWait >= 0 && c.HTTPWait > 0 && c.DrainTimeout > 0, "waits: want above 0")
	return errors.Join(errs...)
}

func (c Config) limits() telemetry.Limits {
	limits := telemetry.DefaultLimits()
	limits.PayloadBytes = c.PayloadBytes
	return limits
}
