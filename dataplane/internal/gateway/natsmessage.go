package gateway

import (
	"context"
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
	headerTrace     = "traceparent"
)

// subjectOwn is topicOwn with the words of NATS. A subject's dots are a topic's slashes; device ids have neither.
const subjectOwn = "v1.telemetry"

// natsMessage is a message on its way in.
type natsMessage struct {
	id      Identity
	subject string
	payload []byte
	// own is the id that the sender gave the message, or empty.
	own   string
	trace string
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
	own, ok := natswire.Get(header, headerMessageID)
	traced, also := natswire.Get(header, headerTrace)
	if !ok || !also {
		return fmt.Errorf("the message's header is malformed: want NATS/1.0 and lines of Name: value: %w", tenancy.ErrInvalid)
	}
	if !validMessageID(own) {
		return fmt.Errorf("%s is %d bytes: send 1 to %d bytes of printable text: %w", headerMessageID, len(own), messageIDBytes, tenancy.ErrInvalid)
	}
	m.own, m.trace = string(own), string(traced)
	return nil
}

// whose returns the device that a subject is of, and what that one is held to.
func (s *natsSession) whose(subject string) (*Identity, *catalog.Policy, error) {
	if subject == subjectOwn {
		return &s.id, s.policy.Load(), nil
	}
	words := strings.Split(subject, ".")
	if len(words) != 4 || words[0] != "v1" || words[1] != "devices" || words[3] != "telemetry" || !deviceID.MatchString(words[2]) {
		return nil, nil, barred("subject", "subject %s is not one of telemetry: publish to %s", clip(subject), subjectOwn)
	}
	if words[2] == s.id.Device {
		return &s.id, s.policy.Load(), nil
	}
	return s.g.speaksFor(&s.id, words[2])
}

// take decodes, admits and hands on.
func (s *natsSession) take(m *natsMessage) bool {
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
	got := s.decode(m, now)
	decoded := s.g.lap(timed, span, timing.Decode, now)
	if err := s.g.reserve(s.ctx, &m.id, got, m.token == 0); err != nil {
		span.Say("outcome", "over a rate")
		return s.ctx.Err() == nil && s.turnDown(m, err, len(got.Events)+len(got.Invalid))
	}
	s.over = false
	s.g.lap(timed, span, timing.Admit, decoded)
	s.hand(trace.With(s.ctx, span), m, got)
	return true
}

func (s *natsSession) decode(m *natsMessage, now time.Time) telemetry.Result {
	schema := s.schema.Load()
	if m.id.Via != "" {
		schema = m.id.Schema
	}
	got := s.decoder.Decode(telemetry.Source{
		Tenant: m.id.Tenant, Device: m.id.Device, Received: now.UnixNano(), Horizon: m.id.Limits.Horizon, Schema: schema,
	}, m.payload)
	noteGateway(got.Events, m.id.Via)
	noteMessageID(got.Events, m.own)
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
}

// turnDown refuses a message of n events. Of a client that goes on above a rate nothing is read for a while.
func (s *natsSession) turnDown(m *natsMessage, err error, n int) bool {
	wait := unread(err)
	reason := reasonOf(err)
	if wait > 0 && isRate(err) {
		reason = "rate"
		s.g.overLimit(s.id.Tenant, err, n)
	}
	s.g.Metrics.rejected.WithLabelValues(protocolNATS, reason).Add(float64(n))
	s.refuse(m.token, err)
	again := s.over
	s.over = reason == "rate"
	return !again || !s.over || pause(s.ctx, wait)
}

// messageIDBytes is what a decoder allows a message's own id.
var messageIDBytes = telemetry.DefaultLimits().MessageIDBytes

// validMessageID leaves room for the places of events in a message.
func validMessageID(id []byte) bool {
	if id == nil {
		return true
	}
	for _, c := range id {
		if c < ' ' || c >= 0x7f {
			return false
		}
	}
	return len(id) > 0 && len(id) <= messageIDBytes
}

// noteMessageID gives events that have no id of their own that of their message, with their place in it when there are several.
func noteMessageID(events []telemetry.Event, id string) {
	if id == "" {
		return
	}
	for i := range events {
		if ev := &events[i]; ev.MessageID == "" && !ev.HasSequence {
			ev.MessageID = id
			if len(events) > 1 {
				ev.MessageID = fmt.Sprintf("%s/%d", id, i)
			}
		}
	}
}
