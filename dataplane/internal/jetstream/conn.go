package jetstream

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Address says where NATS is and who connects. The password is not kept.
type Address struct {
	URL, Name, User, Password string
}

// Conn is a connection to NATS and its JetStream. It reconnects for ever. Close it.
type Conn struct {
	jetstream.JetStream
	nats *nats.Conn
}

// Connect fails when NATS does not answer at first.
func Connect(at Address, log *slog.Logger) (*Conn, error) {
	options := []nats.Option{
		nats.Name(at.Name), nats.MaxReconnects(-1), nats.ReconnectWait(reconnectWait), nats.Timeout(connectTimeout),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { log.Warn("nats", slog.Any("error", err)) }),
	}
	if at.User != "" {
		options = append(options, nats.UserInfo(at.User, at.Password))
	}
	conn, err := nats.Connect(at.URL, options...)
	if err != nil {
		return nil, fmt.Errorf("connect to nats at %s: %w: start it, or name another by the nats url", at.URL, err)
	}
	js, err := jetstream.New(conn)
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("open jetstream: %w", err)
	}
	return &Conn{JetStream: js, nats: conn}, nil
}

// connectTimeout bounds the first connection.
const connectTimeout = 5 * time.Second

// Connected reports whether NATS can be reached now.
func (c *Conn) Connected() bool { return c.nats.IsConnected() }

// Close does not wait for what was not flushed.
func (c *Conn) Close() { c.nats.Close() }
