package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/natswire"
	"github.com/millwright-io/millwright/dataplane/internal/timing"
	"github.com/millwright-io/millwright/tenancy"
)

const (
	protocolNATS = "nats"
	// helloWait is how long a client has to begin TLS before it is told that it must. Most clients wait for that.
	helloWait = 50 * time.Millisecond
	// natsLevel is the version of NATS that clients take the server for, by which they choose what they say.
	natsLevel = "2.10.0"
	// natsHeaderBytes is what a message may have beside its payload.
	natsHeaderBytes = 4 << 10
)

// What clients are told when a connection ends. Client libraries know the beginnings of the words: after the first three
// they connect again.
const (
	wordsAuthorization = "Authorization Violation"
	wordsRevoked       = "User Authentication Revoked"
	wordsExpired       = "User Authentication Expired"
	wordsConnections   = "maximum account active connections exceeded"
	wordsStale         = "Stale Connection"
	wordsSlow          = "Slow Consumer"
)

// natsDoor is that of NATS.
func (g *Gateway) natsDoor() door {
	return door{protocol: protocolNATS, tls: g.files.tlsConfig(), before: g.greetInTheClear, greet: func(conn *tls.Conn, remote string, begun time.Time) func() {
		if s := g.greetNATS(conn, remote, begun); s != nil {
			return func() {
				defer g.closed(conn.NetConn())
				s.run()
			}
		}
		return nil
	}}
}

// plain is a connection before TLS, of which a byte may have been read.
type plain struct {
	net.Conn
	first []byte
	// told says that the client has the INFO.
	told bool
}

// Read implements net.Conn.
func (p *plain) Read(b []byte) (int, error) {
	if len(p.first) > 0 {
		n := copy(b, p.first)
		p.first = p.first[n:]
		return n, nil
	}
	return p.Conn.Read(b)
}

// greetInTheClear tells a client that waits for it that TLS is required. One that begins with TLS is told behind it.
func (g *Gateway) greetInTheClear(raw net.Conn) (net.Conn, error) {
	p := &plain{Conn: raw, first: make([]byte, 1)}
	if err := raw.SetReadDeadline(time.Now().Add(helloWait)); err != nil {
		return nil, fmt.Errorf("wait for a client's hello: %w", err)
	}
	n, err := raw.Read(p.first)
	p.first = p.first[:n]
	if n == 0 && !errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, fmt.Errorf("wait for a client's hello: %w", err)
	}
	if n == 0 {
		p.told = true
		_ = raw.SetWriteDeadline(time.Now().Add(writeTimeout))
		if _, err := raw.Write(natswire.AppendInfo(nil, g.natsInfo(raw, 0))); err != nil {
			return nil, fmt.Errorf("greet a client: %w", err)
		}
	}
	return p, raw.SetReadDeadline(time.Time{})
}

// natsInfo is what a client is told; most is its largest payload, 0 that of any.
func (g *Gateway) natsInfo(conn net.Conn, most int) natswire.Info {
	if most == 0 {
		most = g.cfg.PayloadBytes
	}
	info := natswire.Info{
		ServerID: g.instance, ServerName: "millwright", Version: natsLevel, Protocol: 1, Headers: true,
		MaxPayload: most + natsHeaderBytes, TLSRequired: true, TLSVerify: true,
	}
	info.ClientID = g.clients.Add(1)
	host, port, _ := net.SplitHostPort(conn.LocalAddr().String())
	info.Host = host
	info.Port, _ = strconv.Atoi(port)
	info.ClientIP, _, _ = net.SplitHostPort(conn.RemoteAddr().String())
	return info
}

// greetNATS makes a connection a session, or answers why not and returns nil.
func (g *Gateway) greetNATS(conn *tls.Conn, remote string, begun time.Time) *natsSession {
	s := &natsSession{
		g: g, waiting: map[uint64]*natsAnswer{}, slots: make(chan struct{}, g.cfg.ReceiveMaximum), name: string(tenancy.NewID()),
		log: g.Log.With(slog.String("protocol", protocolNATS), slog.String("remote", remote)),
	}
	s.open(g.ctx, conn)
	s.in = natswire.NewReader(&heardReader{s})
	_ = conn.SetReadDeadline(time.Now().Add(g.cfg.ConnectTimeout))
	if p, ok := conn.NetConn().(*plain); ok && !p.told {
		s.out = natswire.AppendInfo(s.out, g.natsInfo(conn, 0))
		if !s.flush() {
			return nil
		}
	}
	words, reason, err := s.connect(conn)
	g.Metrics.times.Took(timing.Accept, g.Now().Sub(begun))
	if err == nil {
		return s
	}
	g.Metrics.refused.WithLabelValues(protocolNATS, reason).Inc()
	s.log.Info("connection refused", slog.String("reason", reason), slog.String("detail", err.Error()))
	if words != "" {
		s.out = natswire.AppendError(s.out, words)
		if s.flush() {
			linger(conn)
		}
	}
	s.cancel()
	return nil
}

// flush writes what is queued, before there is a writer.
func (s *natsSession) flush() bool {
	_ = s.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
	_, err := s.conn.Write(s.out)
	s.out = s.out[:0]
	return err == nil
}

// connect reads the CONNECT and admits the device. An error has a word for the figures, and the words for the client where there
// is somebody to tell.
func (s *natsSession) connect(conn *tls.Conn) (words, reason string, err error) {
	c, err := s.in.Next(0)
	switch {
	case errors.Is(err, natswire.ErrUnknownOperation), errors.Is(err, natswire.ErrLineTooLong), errors.Is(err, natswire.ErrMalformed), errors.Is(err, natswire.ErrPayloadTooLarge):
		return err.Error(), "malformed", err
	case err != nil:
		return "", "no_connect", fmt.Errorf("read CONNECT: %w", err)
	case c.Op != natswire.Connect:
		return wordsAuthorization + ": the first operation must be CONNECT", "no_connect", errors.New("the first operation is not CONNECT")
	}
	if s.options, err = natswire.ParseOptions(c.Options); err != nil {
		return err.Error() + ": CONNECT is not JSON", "malformed", err
	}
	id, err := s.g.verify(conn.ConnectionState().PeerCertificates)
	s.log = s.log.With(slog.String("tenant", string(id.Tenant)), slog.String("device", id.Device), slog.String("client", clip(s.options.Name)))
	if err != nil {
		return wordsAuthorization + ": " + err.Error(), reasonOf(err), err
	}
	s.id = id
	s.limit = min(s.g.cfg.PayloadBytes, max(id.Limits.PayloadBytes, 1))
	s.accepted = s.g.Metrics.accepted.WithLabelValues(protocolNATS)
	s.bytes = s.g.Metrics.bytes.WithLabelValues(protocolNATS)
	s.heard.Store(time.Now().UnixNano())
	if _, err := s.g.admitsConnection(s, id.Limits); err != nil {
		return wordsConnections, tenancy.LimitConnections, err
	}
	s.alive = true
	s.okay()
	s.recheck() // the catalog may have changed between the check and the registration
	return "", "", nil
}

// key implements live.
func (s *natsSession) key() (tenancy.ID, sessionKey) {
	return s.id.Tenant, sessionKey{s.id.Device, protocolNATS, s.name}
}

// recheck ends the session if the catalog no longer admits its device.
func (s *natsSession) recheck() {
	if err := s.check(s.g); err != nil {
		s.end(wordsRevoked, reasonOf(err), err.Error())
	}
}

// drain implements live. The lame duck's INFO tells the client to look for another server.
func (s *natsSession) drain(ctx context.Context) {
	s.draining.Store(true)
	info := s.g.natsInfo(s.conn, s.limit)
	info.LameDuckMode = true
	s.mu.Lock()
	if !s.ending {
		s.out = natswire.AppendInfo(s.out, info)
	}
	if len(s.waiting) == 0 || s.ending {
		s.mu.Unlock()
		s.end("", "", "")
		return
	}
	s.emptied = make(chan struct{})
	emptied := s.emptied
	s.mu.Unlock()
	s.signal()
	select {
	case <-emptied:
	case <-s.ctx.Done():
	case <-ctx.Done():
	}
	s.end("", "", "")
}
