package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/millwright-io/millwright/dataplane/internal/natswire"
)

const (
	// inbox begins the subjects of answers, the only ones that a client may subscribe to.
	inbox = "_INBOX."
	// subscriptionsMost and subscriptionBytes bound the subscriptions of a connection and the subject of each.
	subscriptionsMost = 64
	subscriptionBytes = 256
	// stalePings is how many pings in a row a client may leave unanswered.
	stalePings = 3
)

// natsSession is a NATS connection from its CONNECT on. One goroutine reads, one writes while there is something to write; receipts come from the publisher's.
type natsSession struct {
	outlet
	standing
	g        *Gateway
	name     string
	in       *natswire.Reader
	log      *slog.Logger
	options  natswire.Options
	limit    int
	draining atomic.Bool
	accepted prometheus.Counter
	bytes    prometheus.Counter
	// heard is when the client last sent something, in Unix nanoseconds.
	heard atomic.Int64
	// alive says that the session is registered; it and what follows are the reader's own.
	alive    bool
	told     bool
	deadline time.Time
	over     bool
	messages uint
	// last is the id of each device's last message that was taken.
	last map[string]string
	// slots has one for each message that waits for its answer.
	slots chan struct{}

	// These belong to the outlet's lock.
	waiting       map[uint64]*natsAnswer
	token         uint64
	answered      uint64
	subscriptions []subscription
	emptied       chan struct{}
}

// subscription is one of a client's inboxes.
type subscription struct {
	subject, sid string
	// most is after how many messages it ends, 0 never; got is how many it has.
	most, got int
}

// heardReader notes that a client is there.
type heardReader struct{ s *natsSession }

// Read implements io.Reader. The clock is the socket's own.
func (r *heardReader) Read(b []byte) (int, error) {
	s := r.s
	if s.alive {
		if s.ctx.Err() != nil {
			return 0, s.ctx.Err()
		}
		idle := stalePings * s.g.cfg.PingInterval
		if now := time.Now(); s.deadline.Sub(now) < idle {
			s.deadline = now.Add(idle + idle/8)
			if err := s.conn.SetReadDeadline(s.deadline); err != nil {
				return 0, err
			}
			if s.ctx.Err() != nil { // the deadline that ends the reading may have come before
				return 0, s.ctx.Err()
			}
		}
	}
	n, err := s.conn.Read(b)
	if n > 0 {
		s.heard.Store(time.Now().UnixNano())
	}
	return n, err
}

// run reads and writes until the connection ends.
func (s *natsSession) run() {
	g := s.g
	defer s.cancel()
	g.Metrics.connections.WithLabelValues(protocolNATS).Inc()
	defer g.Metrics.connections.WithLabelValues(protocolNATS).Dec()
	expiry := time.AfterFunc(s.id.NotAfter.Sub(g.Now()), func() {
		s.end(wordsExpired, "certificate_expired", fmt.Sprintf("the certificate of device %s expired: issue a new one", s.id.Device))
	})
	defer expiry.Stop()
	defer s.ping().Stop()
	s.signal()
	s.read()
	s.shut()
	g.sessions.remove(s) // whoever hears of the end may connect again
	linger(s.conn)
}

// ping asks a silent client, again and again, whether it is there.
func (s *natsSession) ping() *time.Timer {
	var timer *time.Timer
	ready := make(chan struct{})
	timer = time.AfterFunc(s.g.cfg.PingInterval, func() {
		<-ready
		if s.ctx.Err() != nil {
			return
		}
		if time.Now().UnixNano()-s.heard.Load() >= int64(s.g.cfg.PingInterval) {
			s.say("PING\r\n")
		}
		timer.Reset(s.g.cfg.PingInterval)
	})
	close(ready)
	return timer
}

// read handles operations until the connection ends.
func (s *natsSession) read() {
	defer context.AfterFunc(s.ctx, func() { _ = s.conn.SetReadDeadline(time.Now()) })()
	for !s.draining.Load() {
		c, err := s.in.Next(s.limit + natsHeaderBytes)
		if err != nil {
			s.readFailed(err)
			break
		}
		if s.draining.Load() || !s.handle(&c) {
			break
		}
	}
	<-s.ctx.Done() // the writer closes when all is said
}

func (s *natsSession) readFailed(err error) {
	switch {
	case errors.Is(err, natswire.ErrPayloadTooLarge):
		s.g.Refused(s.id.Tenant, oversize(s.id.Device, int64(s.limit)+1, int64(s.limit)), 1)
		s.end(err.Error(), "payload", fmt.Sprintf("the message is larger than %d bytes: send fewer events at once", s.limit+natsHeaderBytes))
	case errors.Is(err, natswire.ErrUnknownOperation), errors.Is(err, natswire.ErrLineTooLong), errors.Is(err, natswire.ErrMalformed):
		s.end(err.Error(), "malformed", "")
	case s.ctx.Err() != nil:
	case errors.Is(err, os.ErrDeadlineExceeded):
		s.end(wordsStale, "stale", fmt.Sprintf("nothing was heard for %s", stalePings*s.g.cfg.PingInterval))
	default:
		if !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) {
			s.log.Debug("connection lost", slog.Any("error", err))
		}
		s.end("", "", "")
	}
}

// handle returns false when the connection is to end.
func (s *natsSession) handle(c *natswire.Command) bool {
	switch c.Op {
	case natswire.Publish:
		s.okay()
		return s.publish(c)
	case natswire.Ping:
		s.say("PONG\r\n")
		s.tellLimit()
	case natswire.Subscribe:
		return s.subscribe(string(c.Subject), string(c.SID))
	case natswire.Unsubscribe:
		s.unsubscribe(string(c.SID), c.Most)
	case natswire.Connect:
		s.okay() // what a second one says changes nothing: who is here is decided by the certificate
	case natswire.Pong:
	}
	return true
}

// tellLimit follows the first PONG, as with nats-server: this is how large a message of this tenant may be.
func (s *natsSession) tellLimit() {
	if s.limit == s.g.cfg.PayloadBytes || s.told {
		return
	}
	s.told = true
	s.say(string(natswire.AppendInfo(nil, s.g.natsInfo(s.conn, s.limit))))
}

// subscribe takes a client's own inboxes and nothing else: no message is ever for two clients.
func (s *natsSession) subscribe(subject, sid string) bool {
	if len(subject) > subscriptionBytes || len(sid) > subscriptionBytes || !natswire.Valid(subject, true) {
		s.end("Invalid Subject", "malformed", "a subscription's subject has empty words or is longer than 256 bytes")
		return false
	}
	if !strings.HasPrefix(subject, inbox) {
		s.g.Metrics.rejected.WithLabelValues(protocolNATS, "subscription").Inc()
		s.complain(`Permissions Violation for Subscription to "` + subject + `"`)
		return true
	}
	s.mu.Lock()
	full := len(s.subscriptions) >= subscriptionsMost
	if !full {
		s.subscriptions = append(s.subscriptions, subscription{subject: subject, sid: sid})
	}
	s.mu.Unlock()
	if full {
		s.complain("Maximum Subscriptions Exceeded")
		return true
	}
	s.okay()
	return true
}

// unsubscribe ends a subscription, at once or after it got so many messages.
func (s *natsSession) unsubscribe(sid string, most int) {
	s.mu.Lock()
	for i := range s.subscriptions {
		if s.subscriptions[i].sid == sid {
			s.subscriptions[i].most = most
		}
	}
	s.subscriptions = slices.DeleteFunc(s.subscriptions, func(of subscription) bool { return of.sid == sid && of.got >= most })
	s.mu.Unlock()
	s.okay()
}

// okay confirms an operation to who asked for that.
func (s *natsSession) okay() {
	if s.options.Verbose {
		s.say("+OK\r\n")
	}
}

// complain tells of an error that does not end the connection.
func (s *natsSession) complain(words string) { s.say(string(natswire.AppendError(nil, words))) }

// say queues text.
func (s *natsSession) say(text string) {
	s.mu.Lock()
	if !s.ending {
		s.out = append(s.out, text...)
	}
	s.mu.Unlock()
	s.wakeWriter()
}

// wakeWriter has what is queued written. A client that does not read is cut off.
func (s *natsSession) wakeWriter() {
	s.mu.Lock()
	over := len(s.out) > outBytes
	s.mu.Unlock()
	if over {
		s.end(wordsSlow, "slow", "the client does not read its answers")
	}
	s.signal()
}

// end closes the session once what is queued was written. Without words it just ends, and a client library connects again.
func (s *natsSession) end(words, reason, detail string) {
	s.mu.Lock()
	if s.ending {
		s.mu.Unlock()
		return
	}
	s.ending = true
	if words != "" {
		if detail != "" && words != wordsStale && words != wordsSlow { // libraries compare these two as a whole
			words += ": " + clip(detail)
		}
		s.out = natswire.AppendError(s.out, words)
	}
	s.mu.Unlock()
	if reason != "" {
		s.g.Metrics.refused.WithLabelValues(protocolNATS, reason).Inc()
		s.log.Info("connection closed", slog.String("reason", reason), slog.String("detail", detail))
	}
	s.signal()
}
