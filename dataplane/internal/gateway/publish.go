package gateway

import (
	"bytes"
	"encoding/binary"
	"strings"

	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/millwright-io/millwright/tenancy"
)

const (
	topicOwn  = "v1/telemetry"
	topicBase = "v1/devices/"
	topicTail = "/telemetry"
	// aliasMaximum is how many topic aliases a client may set.
	aliasMaximum = 16
)

// publish is a PUBLISH packet; its slices are parts of the packet.
type publish struct {
	qos     byte
	dup     bool
	id      uint16
	topic   []byte
	alias   uint16
	payload []byte
	// traceparent is the device's own trace, empty for most.
	traceparent string
}

// parsePublish reads a PUBLISH. Properties other than a lone alias go through the codec. Benchmark: BenchmarkParsePublish.
func parsePublish(first byte, body []byte, version byte) (p publish, code packets.Code) {
	p.qos, p.dup = first>>1&3, first&8 != 0
	switch {
	case p.qos == 3:
		return p, packets.ErrProtocolViolationQosOutOfRange
	case p.qos == 0 && p.dup:
		return p, packets.ErrProtocolViolationDupNoQos
	case len(body) < 2:
		return p, packets.ErrMalformedTopic
	}
	n := int(binary.BigEndian.Uint16(body))
	if body = body[2:]; len(body) < n {
		return p, packets.ErrMalformedTopic
	}
	p.topic, body = body[:n], body[n:]
	if p.qos > 0 {
		if len(body) < 2 {
			return p, packets.ErrMalformedPacketID
		}
		if p.id, body = binary.BigEndian.Uint16(body), body[2:]; p.id == 0 {
			return p, packets.ErrProtocolViolationNoPacketID
		}
	}
	if version == 5 {
		if body, code = p.properties(body); code.Code != 0 {
			return p, code
		}
	}
	if string(p.topic) != topicOwn && bytes.ContainsAny(p.topic, "+#\x00") {
		return p, packets.ErrProtocolViolationSurplusWildcard
	}
	p.payload = body
	return p, packets.CodeSuccess
}

func (p *publish) properties(body []byte) ([]byte, packets.Code) {
	switch {
	case len(body) == 0:
		return nil, packets.ErrMalformedProperties
	case body[0] == 0:
		return body[1:], packets.CodeSuccess
	case len(body) >= 4 && body[0] == 3 && body[1] == packets.PropTopicAlias:
		p.alias = binary.BigEndian.Uint16(body[2:])
		if p.alias == 0 || p.alias > aliasMaximum {
			return nil, packets.ErrTopicAliasInvalid
		}
		return body[4:], packets.CodeSuccess
	}
	length, used, err := packets.DecodeLength(bytes.NewReader(body))
	if err != nil || length < 0 || used < 0 || used+length > len(body) {
		return nil, packets.ErrMalformedProperties
	}
	props, err := decodeProperties(body[:used+length])
	if err != nil {
		return nil, packets.ErrMalformedProperties
	}
	if props.TopicAliasFlag {
		if p.alias = props.TopicAlias; p.alias == 0 || p.alias > aliasMaximum {
			return nil, packets.ErrTopicAliasInvalid
		}
	}
	for _, u := range props.User {
		if u.Key == "traceparent" {
			p.traceparent = u.Val
		}
	}
	if len(props.SubscriptionIdentifier) > 0 {
		return nil, packets.ErrProtocolViolationSurplusSubID
	}
	return body[used+length:], packets.CodeSuccess
}

// topics are those a session may send to, and the aliases it set.
type topics struct {
	long string
	// aliases are nil until one is set.
	aliases []string
}

// check returns the topic and the device that it is of: the session's own or another. A topic that is of none has a code
// and a sentence.
func (t *topics) check(p *publish, device string) (topic, of string, code packets.Code, sentence string) {
	if p.alias == 0 {
		return t.of(t.keep(p.topic), device)
	}
	if t.aliases == nil {
		t.aliases = make([]string, aliasMaximum+1)
	}
	if len(p.topic) > 0 {
		t.aliases[p.alias] = t.keep(p.topic)
	} else if t.aliases[p.alias] == "" {
		return "", "", packets.ErrProtocolViolationNoTopic, "topic alias was not set before: send the topic with its first message"
	}
	return t.of(t.aliases[p.alias], device)
}

// keep spares the usual topics a copy of their own.
func (t *topics) keep(topic []byte) string {
	switch string(topic) {
	case topicOwn:
		return topicOwn
	case t.long:
		return t.long
	}
	return string(topic)
}

func (t *topics) of(topic, device string) (string, string, packets.Code, string) {
	if topic == topicOwn || topic == t.long {
		return topic, device, packets.CodeSuccess, ""
	}
	if other, ok := strings.CutPrefix(topic, topicBase); ok {
		if other, ok = strings.CutSuffix(other, topicTail); ok && tenancy.IsName(other) {
			return topic, other, packets.CodeSuccess, ""
		}
	}
	if len(topic) > 60 {
		topic = strings.ToValidUTF8(topic[:60], "?") + "…"
	}
	return "", "", packets.ErrTopicNameInvalid, "topic " + strings.ToValidUTF8(topic, "?") + " is not known: publish to " + topicOwn
}
