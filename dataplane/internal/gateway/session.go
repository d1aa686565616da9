package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/millwright-io/millwright/tenancy"
)

// sentenceBytes bounds the sentence of an answer.
const sentenceBytes = 400

// session is an MQTT connection from its CONNECT on. One goroutine reads it; another writes while there is something to
// write; receipts come from the publisher's. Ten thousand of them are idle most of the time, so what is not needed then is
// not kept: see rest.
type session struct {
	outlet
	standing
	g        *Gateway
	client   string
	protocol string
	remote   string
	version  byte
	// raw is the socket below conn; nil over WebSocket.
	raw       *net.TCPConn
	in        *packetReader
	topics    topics
	limit     int
	sentences bool
	most      uint32
	draining  atomic.Bool
	accepted  prometheus.Counter
	bytes     prometheus.Counter

	// idle is the longest silence, heard when it began; expires is when the certificate does. All are of the socket's clock.
	idle     time.Duration
	heard    time.Time
	expires  time.Time
	deadline time.Time
	// over is set while the last message was refused for its rate; the reader's own.
	over bool
	// messages counts those that were taken; it belongs to the reader.
	messages uint

	// acks belongs to the outlet's lock.
	acks ackQueue
	// emptied is closed when no answer is due any more; nil while nobody waits for that. It belongs to the outlet's lock.
	emptied chan struct{}
}

// log is the gateway's with what is known of the connection. It is made when there is something to say: most have nothing.
func (s *session) log() *slog.Logger {
	l := s.g.Log.With(slog.String("protocol", s.protocol), slog.String("remote", s.remote))
	if s.id.Device != "" {
		l = l.With(slog.String("tenant", string(s.id.Tenant)), slog.String("device", s.id.Device))
	}
	if s.client != "" {
		l = l.With(slog.String("client", clip(s.client)))
	}
	return l
}

// key implements live; the same for MQTT over WebSocket, since client ids are one space.
func (s *session) key() (tenancy.ID, sessionKey) {
	return s.id.Tenant, sessionKey{s.id.Device, protocolMQTT, s.client}
}

// send queues a packet.
func (s *session) send(encode func(*bytes.Buffer) error) {
	var buf bytes.Buffer
	if err := encode(&buf); err != nil {
		s.log().Error("encode packet", slog.Any("error", err))
		return
	}
	s.mu.Lock()
	if !s.ending {
		s.out = append(s.out, buf.Bytes()...)
	}
	over := len(s.out) > outBytes
	s.mu.Unlock()
	if over {
		s.end(packets.ErrQuotaExceeded, "the client does not read its answers")
	}
	s.signal()
}

// end closes the session once what is queued was written; version 5 gets the code and the sentence, the log has them too.
func (s *session) end(code packets.Code, sentence string) {
	s.mu.Lock()
	if s.ending {
		s.mu.Unlock()
		return
	}
	s.ending = true
	if s.version == 5 && code.Code != 0 {
		s.out = append(s.out, s.disconnect(code, sentence)...)
	}
	s.mu.Unlock()
	if code.Code != 0 {
		s.g.Metrics.refused.WithLabelValues(s.protocol, code.Reason).Inc()
		s.log().Info("connection closed", slog.String("reason", code.Reason), slog.String("detail", sentence))
	}
	s.signal()
}

func (s *session) disconnect(code packets.Code, sentence string) []byte {
	pk := packets.Packet{ProtocolVersion: s.version, ReasonCode: code.Code}
	pk.FixedHeader.Type = packets.Disconnect
	pk.Mods.MaxSize, pk.Mods.DisallowProblemInfo = s.most, false
	pk.Properties.ReasonString = clip(sentence)
	var buf bytes.Buffer
	if pk.DisconnectEncode(&buf) != nil {
		return nil
	}
	return buf.Bytes()
}

// clip bounds a sentence.
func clip(sentence string) string {
	if len(sentence) <= sentenceBytes {
		return sentence
	}
	return string(bytes.ToValidUTF8([]byte(sentence[:sentenceBytes]), nil)) + "…"
}

// expect queues a message that is due an answer.
func (s *session) expect(sl slot) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.acks.push(sl)
}

// answer says at once what becomes of a message that nobody else has to hear of.
func (s *session) answer(id uint16, code packets.Code, sentence string) {
	s.expect(slot{id: id, code: code.Code, reason: clip(sentence), since: s.g.Now()})
	s.mu.Lock()
	s.release()
	s.mu.Unlock()
	s.signal()
}

// release writes the answers that are due, in order. It needs the lock.
func (s *session) release() {
	now := time.Time{}
	for {
		done, ok := s.acks.pop()
		if !ok {
			break
		}
		if now.IsZero() {
			now = s.g.Now()
		}
		s.g.Metrics.latency.Observe(now.Sub(done.since).Seconds())
		done.span.End(now, nil)
		if !s.ending {
			s.out = appendPuback(s.out, &done, s.version, s.sentences, s.most)
		}
	}
	if s.emptied != nil && s.acks.len() == 0 {
		close(s.emptied)
		s.emptied = nil
	}
}

// Stored is the publisher's word about a message. Token 0 is a QoS 0 message.
func (s *session) Stored(token uint64, err error) {
	if err != nil {
		s.end(packets.ErrServerBusy, unavailable(err))
		return
	}
	if token == 0 {
		return
	}
	s.mu.Lock()
	if s.acks.waits(token) {
		if sl := s.acks.at(token); sl.due > 0 {
			sl.due--
		}
	}
	s.mu.Unlock()
}

// Flush writes what the publisher's last words made due.
func (s *session) Flush() {
	s.mu.Lock()
	before := len(s.out)
	s.release()
	more := len(s.out) > before
	s.mu.Unlock()
	if more {
		s.signal()
	}
}

// ErrNoSpace is a Publisher's or DeadLetters' refusal for want of disk space. It is a tenancy.ErrUnavailable.
var ErrNoSpace = fmt.Errorf("the disk is nearly full: %w", tenancy.ErrUnavailable)

func unavailable(err error) string {
	if errors.Is(err, ErrNoSpace) {
		return "the cell's disk is nearly full and no events are taken until there is space: keep them and send them again later"
	}
	if errors.Is(err, tenancy.ErrUnavailable) {
		return "events cannot be stored now: keep them and connect again in some seconds"
	}
	return "the events were not stored: keep them and connect again in some seconds"
}

// drain takes nothing more, waits for the answers that are due and says goodbye.
func (s *session) drain(ctx context.Context) {
	s.draining.Store(true)
	s.mu.Lock()
	var emptied chan struct{}
	if s.acks.len() > 0 && !s.ending {
		if s.emptied == nil {
			s.emptied = make(chan struct{})
		}
		emptied = s.emptied
	}
	s.mu.Unlock()
	if emptied != nil {
		select {
		case <-emptied:
		case <-s.ctx.Done():
		case <-ctx.Done():
		}
	}
	s.end(packets.ErrServerShuttingDown, "the server is shutting down: connect again")
}
