// Package nats is where the control plane meets the cells: it writes their catalogs and reads their reports. It is this
// module's only home of the NATS client.
package nats

import (
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Config says where NATS is.
type Config struct {
	URL          string
	User         string
	PasswordFile string
}

// Conn is a connection that comes back by itself for as long as it is open.
type Conn struct {
	nc *nats.Conn
	js jetstream.JetStream
}

// Connect returns at once; while NATS is away, every use of the connection fails and is tried again by its caller.
func Connect(cfg Config, log *slog.Logger) (*Conn, error) {
	opts := []nats.Option{
		nats.Name("millwright-controlplane"), nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1),
		nats.ReconnectWait(250 * time.Millisecond),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				log.Warn("lost nats", slog.Any("error", err))
			}
		}),
		nats.ReconnectHandler(func(*nats.Conn) { log.Info("nats is back") }),
	}
	if cfg.User != "" {
		password, err := os.ReadFile(cfg.PasswordFile)
		if err != nil {
			return nil, fmt.Errorf("read password of nats: %w", err)
		}
		opts = append(opts, nats.UserInfo(cfg.User, strings.TrimSpace(string(password))))
	}
	nc, err := nats.Connect(cfg.URL, opts...)
	if err != nil {
		return nil, fmt.Errorf("connect to nats: %w", err)
	}
	js, err := jetstream.New(nc, jetstream.WithDefaultTimeout(5*time.Second))
	if err != nil {
		nc.Close()
		return nil, fmt.Errorf("open jetstream: %w", err)
	}
	return &Conn{nc: nc, js: js}, nil
}

// JetStream is for the billing module's collector.
func (c *Conn) JetStream() jetstream.JetStream { return c.js }

// Connected reports whether NATS is there now.
func (c *Conn) Connected() bool { return c.nc.IsConnected() }

// Close ends the connection.
func (c *Conn) Close() { c.nc.Close() }
