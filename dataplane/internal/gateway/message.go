package gateway

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/millwright-io/millwright/dataplane/internal/telemetry"
	"github.com/millwright-io/millwright/dataplane/internal/timing"
	"github.com/millwright-io/millwright/dataplane/internal/trace"
)

// publish handles a PUBLISH; it returns false when the connection is to end.
func (s *session) publish(first byte, body []byte) bool {
	p, code := parsePublish(first, body, s.version)
	switch {
	case code.Code != 0:
		s.end(code, "PUBLISH is malformed: "+code.Reason)
		return false
	case p.qos == 2:
		s.end(packets.ErrQosNotSupported, "QoS 2 is not spoken here: publish with QoS 1")
		return false
	case len(p.payload) > s.limit:
		s.g.Refused(s.id.Tenant, oversize(s.id.Device, int64(len(p.payload)), int64(s.limit)), 1)
		s.end(packets.ErrPacketTooLarge, fmt.Sprintf("the payload is %d bytes and %d are allowed: send fewer events at once", len(p.payload), s.limit))
		return false
	}
	id, going := s.whose(&p)
	if id == nil {
		return going
	}
	if !s.room(&p) {
		return false
	}
	s.bytes.Add(float64(len(p.payload)))
	return s.take(id, &p)
}

// turnDown refuses a message: version 5 has an answer for that, version 3.1.1 only the end of the connection.
func (s *session) turnDown(p *publish, code packets.Code, sentence string) bool {
	s.g.Metrics.rejected.WithLabelValues(s.protocol, code.Reason).Inc()
	switch {
	case s.version != 5 || code.Code == packets.ErrProtocolViolation.Code:
		s.end(code, sentence)
		return false
	case p.qos == 0:
		s.log().Info("message refused", slog.String("reason", code.Reason), slog.String("detail", sentence))
	default:
		s.answer(p.id, code, sentence)
	}
	return true
}

// room holds a client to the number of messages that may wait. Version 5 was told, version 3.1.1 is held back.
func (s *session) room(p *publish) bool {
	if p.qos == 0 {
		return true
	}
	for {
		s.mu.Lock()
		full := s.acks.len() >= s.g.cfg.ReceiveMaximum
		var emptied chan struct{}
		if full && s.version != 5 {
			if s.emptied == nil {
				s.emptied = make(chan struct{})
			}
			emptied = s.emptied
		}
		s.mu.Unlock()
		if !full {
			return true
		}
		if emptied == nil {
			s.end(packets.ErrReceiveMaximum, fmt.Sprintf("more than %d messages wait for their answer", s.g.cfg.ReceiveMaximum))
			return false
		}
		select {
		case <-emptied:
		case <-s.ctx.Done():
			return false
		}
	}
}

// take decodes, admits and hands on.
func (s *session) take(id *Identity, p *publish) bool {
	if s.over && s.version == 5 {
		if err := s.g.Limiter.Look(id.Tenant, id.Device, s.g.cfg.AdmissionWait); err != nil {
			return s.refuseRate(id, p, err, 1)
		}
	}
	now := s.g.Now()
	span := s.g.Tracer.Message(id.Tenant, id.Device, s.protocol, p.traceparent, now)
	timed := s.messages%timing.Sample == 0
	s.messages++
	schema := s.schema.Load()
	if id.Via != "" {
		schema = id.Schema
	}
	decoder := s.g.decoders.take(id.Class)
	defer s.g.decoders.give(id.Class, decoder)
	got := decoder.Decode(telemetry.Source{
		Tenant: id.Tenant, Device: id.Device, Received: now.UnixNano(), Horizon: id.Limits.Horizon,
		Schema: schema,
	}, p.payload)
	decoded := s.g.lap(timed, span, timing.Decode, now)
	noteGateway(got.Events, id.Via)
	if ok, going := s.admit(id, p, got); !ok {
		span.Say("outcome", "over a rate")
		span.End(s.g.Now(), nil)
		return going
	}
	s.g.lap(timed, span, timing.Admit, decoded)
	due := len(got.Invalid)
	if len(got.Events) > 0 {
		due++
	}
	token := uint64(0)
	if p.qos > 0 {
		sl := slot{id: p.id, due: uint8(due), since: now, span: span}
		if len(got.Invalid) > 0 {
			sl.code, sl.reason = packets.ErrPayloadFormatInvalid.Code, clip(summary(got))
		}
		token = s.expect(sl)
	}
	going := s.hand(trace.With(s.ctx, span), id, got, token)
	if p.qos == 0 || !going {
		span.End(s.g.Now(), nil)
	}
	return going
}

func (s *session) hand(ctx context.Context, id *Identity, got telemetry.Result, token uint64) bool {
	if len(got.Events) > 0 {
		if err := s.g.Publisher.Append(ctx, id.Partition, got.Events, s, token); err != nil {
			s.end(packets.ErrServerBusy, unavailable(err))
			return false
		}
		s.accepted.Add(float64(len(got.Events)))
	}
	for _, bad := range got.Invalid {
		s.g.Metrics.rejected.WithLabelValues(s.protocol, string(bad.Reason)).Inc()
		if err := s.g.DeadLetters.Append(s.ctx, s.g.letter(id, bad, s.protocol), s, token); err != nil {
			s.end(packets.ErrServerBusy, unavailable(err))
			return false
		}
	}
	return true
}

func (g *Gateway) letter(id *Identity, bad *telemetry.Invalid, protocol string) telemetry.DeadLetter {
	return telemetry.DeadLetter{
		Tenant: id.Tenant, Device: id.Device, Received: g.Now().UnixNano(),
		Reason: bad.Reason, Detail: bad.Detail, Payload: bad.Payload, Protocol: protocol,
	}
}

// summary is one sentence about the events of a payload that were refused.
func summary(got telemetry.Result) string {
	all := len(got.Events) + len(got.Invalid)
	if all == 1 {
		return got.Invalid[0].Detail
	}
	return fmt.Sprintf("%d of %d events are refused: %s", len(got.Invalid), all, got.Invalid[0].Error())
}

// admit asks the rates. Version 5 is told when it is over one, and version 3.1.1, which cannot be told, is held back.
func (s *session) admit(id *Identity, p *publish, got telemetry.Result) (ok, going bool) {
	err := s.g.reserve(s.ctx, id, got, len(p.payload), s.version != 5)
	switch {
	case err == nil:
		s.over = false
		return true, false
	case s.ctx.Err() != nil:
		return false, false
	}
	return false, s.refuseRate(id, p, err, len(got.Events)+len(got.Invalid))
}

// refuseRate turns down a message of n events. Of a client that goes on all the same nothing is read for a while: its own
// connection fills, and what it sends costs others nothing.
func (s *session) refuseRate(id *Identity, p *publish, err error, n int) bool {
	s.g.Metrics.rejected.WithLabelValues(s.protocol, "rate").Add(float64(n))
	s.g.overLimit(id.Tenant, err, n)
	going := s.turnDown(p, packets.ErrQuotaExceeded, err.Error())
	again := s.over
	s.over = true
	return going && (!again || pause(s.ctx, unread(err)))
}
