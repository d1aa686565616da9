package gateway

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/millwright-io/millwright/dataplane/internal/timing"
)

// mqttDoor is MQTT's.
func (g *Gateway) mqttDoor() door {
	return door{protocol: protocolMQTT, tls: g.files.tlsConfig("mqtt"), greet: func(conn *tls.Conn, remote string, begun time.Time) func() {
		s := g.greet(conn, conn.ConnectionState().PeerCertificates, protocolMQTT, remote, begun)
		if s == nil {
			return nil
		}
		s.raw = conn.NetConn().(*net.TCPConn) //nolint:forcetypeassert // its listener is TCP's
		return s.attend
	}}
}

// serve runs one MQTT connection, which came when it begun, to its end.
func (g *Gateway) serve(conn net.Conn, chain []*x509.Certificate, protocol, remote string, begun time.Time) {
	if s := g.greet(conn, chain, protocol, remote, begun); s != nil {
		s.attend()
	}
}

// greet makes a connection a session, or answers why not and returns nil.
func (g *Gateway) greet(conn net.Conn, chain []*x509.Certificate, protocol, remote string, begun time.Time) *session {
	s := &session{g: g, protocol: protocol, remote: remote, sentences: true}
	s.open(g.ctx, conn)
	s.in = newPacketReader(conn, s.beforeRead)
	s.deadline = time.Now().Add(g.cfg.ConnectTimeout)
	if conn.SetReadDeadline(s.deadline) == nil {
		if connect, ok := s.readConnect(); ok {
			accepted := s.accept(connect, chain)
			g.Metrics.times.Took(timing.Accept, g.Now().Sub(begun))
			if accepted {
				g.Metrics.connections.WithLabelValues(protocol).Inc()
				s.signal()
				return s
			}
		}
	}
	s.cancel()
	return nil
}

// beforeRead enforces the keep-alive and the end of the certificate. The clock is the socket's own.
func (s *session) beforeRead() error {
	if s.idle == 0 {
		return nil // the CONNECT has its own deadline
	}
	s.heard = time.Now()
	if !s.heard.Before(s.expires) {
		return os.ErrDeadlineExceeded
	}
	silence := s.idle
	if s.raw != nil {
		silence = min(silence, s.g.cfg.RestAfter)
	}
	// Setting a deadline costs more than looking at the clock: an eighth of slack is let pass.
	if s.deadline.Sub(s.heard) < silence {
		return s.readBy(s.heard.Add(silence + silence/8))
	}
	return s.ctx.Err()
}

// readBy sets the deadline of reading, unless the session was stopped, whose deadline must stand.
func (s *session) readBy(deadline time.Time) error {
	if s.deadline = deadline; s.expires.Before(deadline) {
		s.deadline = s.expires
	}
	if err := s.conn.SetReadDeadline(s.deadline); err != nil {
		return err
	}
	if err := s.ctx.Err(); err != nil {
		_ = s.conn.SetReadDeadline(time.Now())
		return err
	}
	return nil
}

// mayRest says whether reading failed only because nothing came for a while.
func (s *session) mayRest(err error) bool {
	now := time.Now()
	return s.raw != nil && errors.Is(err, os.ErrDeadlineExceeded) && s.ctx.Err() == nil &&
		now.Before(s.expires) && now.Sub(s.heard) < s.idle
}

// attend reads until the connection ends or rests.
func (s *session) attend() {
	if s.read() {
		s.g.conns.Go(s.rest)
		return
	}
	s.finish()
}

// rest gives back what a silent connection does not need and waits until there is something to read. It is a goroutine
// of its own, since one that has read has a larger stack: with one of the smallest, and without the buffers, an idle
// connection takes a third. Benchmark: BenchmarkIdle.
func (s *session) rest() {
	s.in.rest()
	s.outlet.rest()
	s.mu.Lock()
	s.acks.rest()
	s.mu.Unlock()
	s.g.Metrics.resting.Add(1)
	err := s.readBy(s.heard.Add(s.idle))
	if err == nil {
		err = readable(s.raw)
	}
	s.g.Metrics.resting.Add(-1)
	s.deadline = time.Time{} // the next one is that of a connection that is read
	if err == nil {
		s.g.conns.Go(s.attend)
		return
	}
	s.g.conns.Go(func() {
		s.readFailed(err)
		s.finish()
	})
}

// readable waits until a socket has something to read, or has ended, and reads nothing.
func readable(socket *net.TCPConn) error {
	raw, err := socket.SyscallConn()
	if err != nil {
		return err
	}
	return raw.Read(func(fd uintptr) bool {
		ready, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0) //nolint:gosec // descriptors are small
		return ready != 0 || err != nil && !errors.Is(err, unix.EINTR)
	})
}

// finish ends what is left of a session that is not read any more.
func (s *session) finish() {
	s.shut()
	s.g.sessions.remove(s) // whoever hears of the end may connect again
	linger(s.conn)
	s.g.Metrics.connections.WithLabelValues(s.protocol).Dec()
	if s.raw != nil {
		s.g.closed(s.raw)
	}
}

// linger reads what a refused client still sends, for a moment: closing over unread bytes would take our last words
// from it.
func linger(conn net.Conn) {
	if half, ok := conn.(*tls.Conn); ok && half.CloseWrite() == nil {
		_ = conn.SetReadDeadline(time.Now().Add(time.Second))
		_, _ = io.CopyN(io.Discard, conn, lingerBytes)
	}
}
