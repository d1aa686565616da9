package gateway

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/catalog"
	"github.com/millwright-io/millwright/dataplane/internal/natswire"
	"github.com/millwright-io/millwright/dataplane/internal/telemetry"
	"github.com/millwright-io/millwright/dataplane/internal/timing"
	"github.com/millwright-io/millwright/dataplane/internal/trace"
	"github.com/millwright-io/millwright/tenancy"
)

// The headers of a message that are heard.
const (
	headerMessageID = "Nats-Msg-Id"
	// headerExpected names the message that must be the device's last on this connection, so that a sender that has several on their way keeps
	// their order when one is refused.
	headerExpected = "Nats-Expected-Last-Msg-Id"
	// headerTime is when the sender took the message in, in RFC 3339: the time of events that have none.
	headerTime  = "Millwright-Time"
	headerTrace = "traceparent"
)

// subjectOwn is topicOwn with the words of NATS. A subject's dots are a topic's slashes; device ids have neither.
const subjectOwn = "v1.telemetry"

// natsMessage is a message on its way in.
type natsMessage struct {
	id      Identity
	subject string
	payload []byte
	// own is the id that the sender gave the message, or empty.
	own      string
	expected string
	happened time.Time
	trace    string
	// token is that of the answer that is due; 0: nobody waits for one.
	token uint64
}

// publish takes a PUB or HPUB; it returns false when the connection is to end.
func (s *natsSession) publish(c *natswire.Command) bool {
	m := &natsMessage{subject: string(c.Subject), payload: c.Payload}
	reply := string(c.Reply)
	switch {
	case !natswire.Valid(m.subject, false) || reply != "" && !natswire.Valid(reply, false):
		s.end("Invalid Publish Subject", "malformed", "a subject has empty words or wildcards")
		return false
	case reply != "" && !strings.HasPrefix(reply, inbox):
		s.complain(`Permissions Violation for Publish with Reply of "` + reply + `"`)
		return true
	case reply != "" && !s.expect(m, reply):
		return false
	}
	s.bytes.Add(float64(len(m.payload)))
	err := s.address(m, c.Header)
	if err != nil {
		return s.turnDown(m, err, 1)
	}
	return s.take(m)
}

// address decides whom a message is for and reads its headers. What a subject is refused for is said in the protocol's own words,
// besides the answer.
func (s *natsSession) address(m *natsMessage, header []byte) error {
	id, policy, err := s.whose(m.subject)
	if err == nil {
		m.id = *id
		err = held(policy, id.Device, strings.ReplaceAll(m.subject, ".", "/"), len(m.payload))
	}
	if err == nil && len(m.payload) > s.limit {
		err = oversize(id.Device, int64(len(m.payload)), int64(s.limit))
	}
	if err != nil {
		s.g.overLimit(s.id.Tenant, err, 1)
		if reasonOf(err) != "internal" {
			s.complain(`Permissions Violation for Publish to "` + m.subject + `"`)
		}
		return err
	}
	return m.readHeader(header)
}

func (m *natsMessage) readHeader(header []byte) error {
	if len(header) == 0 {
		return nil
	}
	var found [4]string
	for i, name := range []string{headerMessageID, headerExpected, headerTime, headerTrace} {
		value, ok := natswire.Get(header, name)
		if !ok {
			return fmt.Errorf("the message's header is malformed: want NATS/1.0 and lines of Name: value: %w", tenancy.ErrInvalid)
		}
		if value != nil && !printable(value) {
			return fmt.Errorf("header %s is %d bytes: send 1 to %d bytes of printable text: %w", name, len(value), messageIDBytes, tenancy.ErrInvalid)
		}
		found[i] = string(value)
	}
	m.own, m.expected, m.trace = found[0], found[1], found[3]
	if found[2] == "" {
		return nil
	}
	at, err := time.Parse(time.RFC3339, found[2])
	if year := at.Year(); err != nil || year < 1970 || year > 2200 {
		return fmt.Errorf("header %s is %q: send a time like 2024-01-15T10:30:00.000Z: %w", headerTime, clip(found[2]), tenancy.ErrInvalid)
	}
	m.happened = at
	return nil
}

// whose returns the device that a subject is of, and what that one is held to.
func (s *natsSession) whose(subject string) (*Identity, *catalog.Policy, error) {
	if subject == subjectOwn {
		return &s.id, s.policy.Load(), nil
	}
	words := strings.Split(subject, ".")
	if len(words) != 4 || words[0] != "v1" || words[1] != "devices" || words[3] != "telemetry" || !tenancy.IsName(words[2]) {
		return nil, nil, barred("subject", "subject %s is not one of telemetry: publish to %s", clip(subject), subjectOwn)
	}
	if words[2] == s.id.Device {
		return &s.id, s.policy.Load(), nil
	}
	return s.g.speaksFor(&s.id, words[2])
}

// take decodes, admits and hands on.
func (s *natsSession) take(m *natsMessage) bool {
	if m.expected != "" && s.last[m.id.Device] != m.expected {
		return s.turnDown(m, errWrongLast, 1)
	}
	if s.over && m.token != 0 {
		if err := s.g.Limiter.Look(m.id.Tenant, m.id.Device, s.g.cfg.AdmissionWait); err != nil {
			return s.turnDown(m, err, 1)
		}
	}
	now := s.g.Now()
	span := s.g.Tracer.Message(m.id.Tenant, m.id.Device, protocolNATS, m.trace, now)
	defer func() { span.End(s.g.Now(), nil) }()
	timed := s.messages%timing.Sample == 0
	s.messages++
	decoder := s.g.decoders.take(m.id.Class)
	defer s.g.decoders.give(m.id.Class, decoder)
	got := s.decode(decoder, m, now)
	decoded := s.g.lap(timed, span, timing.Decode, now)
	if err := s.g.reserve(s.ctx, &m.id, got, len(m.payload), m.token == 0); err != nil {
		span.Say("outcome", "over a rate")
		return s.ctx.Err() == nil && s.turnDown(m, err, len(got.Events)+len(got.Invalid))
	}
	s.over = false
	s.g.lap(timed, span, timing.Admit, decoded)
	s.hand(trace.With(s.ctx, span), m, got)
	return true
}

func (s *natsSession) decode(decoder *telemetry.Decoder, m *natsMessage, now time.Time) telemetry.Result {
	schema := s.schema.Load()
	if m.id.Via != "" {
		schema = m.id.Schema
	}
	source := telemetry.Source{
		Tenant: m.id.Tenant, Device: m.id.Device, Received: now.UnixNano(), Horizon: m.id.Limits.Horizon, Schema: schema,
	}
	when := source.Received
	if !m.happened.IsZero() {
		source.Happened = m.happened.UnixNano()
		when = source.Happened
	}
	got := decoder.Decode(source, m.payload)
	noteGateway(got.Events, m.id.Via)
	noteMessageID(got.Events, m.own, when)
	return got
}

// hand gives everything to the log, and the answer its due.
func (s *natsSession) hand(ctx context.Context, m *natsMessage, got telemetry.Result) {
	due := s.await(m.token, got)
	if len(got.Events) > 0 {
		if err := s.g.Publisher.Append(ctx, m.id.Partition, got.Events, s, m.token); err != nil {
			s.settle(m.token, due, err)
			return
		}
		due--
		s.accepted.Add(float64(len(got.Events)))
	}
	for _, bad := range got.Invalid {
		s.g.Metrics.rejected.WithLabelValues(protocolNATS, string(bad.Reason)).Inc()
		if err := s.g.DeadLetters.Append(s.ctx, s.g.letter(&m.id, bad, protocolNATS), s, m.token); err != nil {
			s.settle(m.token, due, err)
			return
		}
		due--
	}
	s.settle(m.token, due, nil)
	s.remember(m)
}

// remember notes the last message of a device.
func (s *natsSession) remember(m *natsMessage) {
	if _, known := s.last[m.id.Device]; m.own == "" || !known && len(s.last) >= rememberedDevices {
		delete(s.last, m.id.Device)
		return
	}
	if s.last == nil {
		s.last = map[string]string{}
	}
	s.last[m.id.Device] = m.own
}

// turnDown refuses a message of n events. Of a client that goes on above a rate nothing is read for a while.
func (s *natsSession) turnDown(m *natsMessage, err error, n int) bool {
	wait, reason := unread(err), turnedDownFor(err)
	if reason == "rate" {
		s.g.overLimit(s.id.Tenant, err, n)
	}
	s.g.Metrics.rejected.WithLabelValues(protocolNATS, reason).Add(float64(n))
	s.refuse(m.token, err)
	again := s.over
	s.over = reason == "rate"
	return !again || !s.over || pause(s.ctx, wait)
}

// turnedDownFor is the word for the figures.
func turnedDownFor(err error) string {
	var limit *tenancy.LimitError
	switch {
	case errors.As(err, &limit) && limit.Limit == tenancy.LimitPayloadBytes:
		return "payload"
	case errors.As(err, &limit):
		return "rate"
	case errors.Is(err, errWrongLast):
		return "order"
	case errors.Is(err, tenancy.ErrInvalid):
		return "malformed"
	}
	return reasonOf(err)
}

// rememberedDevices bounds of how many devices a connection's last messages are remembered.
const rememberedDevices = 10_000

// errWrongLast refuses a message whose predecessor was refused.
var errWrongLast = fmt.Errorf("the message before this one was not taken: send from that one on again: %w", tenancy.ErrInvalid)

// messageIDBytes is what a decoder allows a message's own id.
var messageIDBytes = telemetry.DefaultLimits().MessageIDBytes

func printable(text []byte) bool {
	for _, c := range text {
		if c < ' ' || c >= 0x7f {
			return false
		}
	}
	return len(text) > 0 && len(text) <= messageIDBytes
}

// noteMessageID gives events that have neither an id, nor a sequence, nor a time of their own, so that nothing tells one from its like, the
// id of their message, with their place in it when there are several. when is the time of those that have none.
func noteMessageID(events []telemetry.Event, id string, when int64) {
	if id == "" {
		return
	}
	for i := range events {
		if ev := &events[i]; ev.MessageID == "" && !ev.HasSequence && ev.Time == when {
			ev.MessageID = id
			if len(events) > 1 {
				ev.MessageID = fmt.Sprintf("%s/%d", id, i)
			}
		}
	}
}
