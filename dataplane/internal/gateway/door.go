package gateway

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"time"
)

// door is how a protocol of its own over TLS is entered.
type door struct {
	protocol string
	// tls is one for all connections.
	tls *tls.Config
	// before is what comes before TLS; nil: nothing.
	before func(net.Conn) (net.Conn, error)
	// greet makes a connection a session and returns what serves it and has it closed, or answers why not and returns nil.
	greet func(conn *tls.Conn, remote string, begun time.Time) func()
}

// accept takes connections until the listener is closed.
func (g *Gateway) accept(ctx context.Context, listener net.Listener, d door) error {
	for {
		conn, err := listener.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil //nolint:nilerr // the listener was closed because the gateway stops
			}
			g.Log.WarnContext(ctx, "accept", slog.Any("error", err))
			select {
			case <-time.After(20 * time.Millisecond): // out of file descriptors, most likely
				continue
			case <-ctx.Done():
				return nil
			}
		}
		g.conns.Go(func() { g.enter(conn, d) })
	}
}

// enter shakes hands and hands over to a goroutine of its own: this one's stack has grown by what a handshake takes, and
// most connections are idle for most of their time.
func (g *Gateway) enter(raw net.Conn, d door) {
	begun := g.Now()
	if g.open.Add(1) > int64(g.cfg.Connections) {
		g.closed(raw)
		g.Metrics.refused.WithLabelValues(d.protocol, "connections").Inc()
		return
	}
	conn, err := g.shake(raw, d)
	if err != nil {
		g.closed(raw)
		g.Metrics.refused.WithLabelValues(d.protocol, "handshake").Inc()
		g.Log.Info("tls handshake failed", slog.String("protocol", d.protocol), slog.String("remote", raw.RemoteAddr().String()), slog.Any("error", err))
		return
	}
	run := d.greet(conn, raw.RemoteAddr().String(), begun)
	// The slice is the connection's own. Nothing looks at it again, and it would keep two parsed certificates of 3 KB each.
	clear(conn.ConnectionState().PeerCertificates)
	if run == nil {
		g.closed(raw)
		return
	}
	g.conns.Go(run)
}

func (g *Gateway) shake(raw net.Conn, d door) (*tls.Conn, error) {
	ctx, cancel := context.WithTimeout(g.ctx, g.cfg.HandshakeTimeout)
	defer cancel()
	if d.before != nil {
		var err error
		if raw, err = d.before(raw); err != nil {
			return nil, err
		}
	}
	conn := tls.Server(raw, d.tls)
	return conn, conn.HandshakeContext(ctx)
}

func (g *Gateway) closed(raw net.Conn) {
	_ = raw.Close()
	g.open.Add(-1)
}
