package gateway

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/millwright-io/millwright/tenancy"
)

const (
	protocolMQTT      = "mqtt"
	protocolWebSocket = "mqtt_websocket"
	protocolHTTP      = "http"
	// connectBytes bounds a CONNECT, with its will.
	connectBytes = 128 << 10
	// lingerBytes bounds what is read of a client that was refused.
	lingerBytes = 8 << 20
	// headerBytes is what a PUBLISH may have beside its payload.
	headerBytes = 4 << 10
)

func (s *session) readConnect() (*packets.Packet, bool) {
	first, body, err := s.in.next(connectBytes)
	if err != nil {
		s.log().Info("no CONNECT", slog.Any("error", err))
		s.g.Metrics.refused.WithLabelValues(s.protocol, "no_connect").Inc()
		return nil, false
	}
	pk := &packets.Packet{}
	if first != packets.Connect<<4 {
		s.refuse(pk, packets.ErrProtocolViolationRequireFirstConnect, "the first packet must be CONNECT")
		return nil, false
	}
	pk.FixedHeader.Type = packets.Connect
	if err := decodeBody(pk.ConnectDecode, body); err != nil {
		s.refuse(pk, packets.ErrMalformedPacket, "CONNECT is malformed: "+err.Error())
		return nil, false
	}
	if string(pk.Connect.ProtocolName) != "MQTT" || pk.ProtocolVersion != 4 && pk.ProtocolVersion != 5 {
		s.refuse(pk, packets.ErrUnsupportedProtocolVersion, "only MQTT 3.1.1 and 5 are spoken here")
		return nil, false
	}
	// The codec wants a will to have a payload; the standard does not.
	if code := pk.ConnectValidate(); code.Code != 0 && code != packets.ErrProtocolViolationWillFlagNoPayload {
		s.refuse(pk, packets.ErrMalformedPacket, "CONNECT is malformed: "+code.Reason)
		return nil, false
	}
	if pk.Properties.AuthenticationMethod != "" {
		s.refuse(pk, packets.ErrBadAuthenticationMethod, "devices authenticate with their certificate alone")
		return nil, false
	}
	return pk, true
}

// refuse answers a CONNECT that does not become a session, and logs why: version 3.1.1 has no words for it.
func (s *session) refuse(pk *packets.Packet, code packets.Code, sentence string, more ...any) {
	s.g.Metrics.refused.WithLabelValues(s.protocol, code.Reason).Inc()
	s.log().With(more...).Info("connection refused", slog.String("reason", code.Reason), slog.String("detail", sentence))
	version := pk.ProtocolVersion
	answer := packets.Packet{ProtocolVersion: version, ReasonCode: code.Code}
	answer.FixedHeader.Type = packets.Connack
	answer.Properties.ReasonString = clip(sentence)
	if version != 5 {
		answer.ReasonCode = oldCode(code)
	}
	if version != 5 && answer.ReasonCode == 0 {
		return // a malformed 3.1.1 CONNECT is answered by closing
	}
	var buf bytes.Buffer
	if answer.ConnackEncode(&buf) == nil {
		_ = s.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
		_, _ = s.conn.Write(buf.Bytes()) // it is closed in any case
		linger(s.conn)
	}
}

// oldCode is the 3.1.1 return code for a reason, 0 where there is none.
func oldCode(code packets.Code) byte {
	switch code.Code {
	case packets.ErrUnsupportedProtocolVersion.Code:
		return packets.Err3UnsupportedProtocolVersion.Code
	case packets.ErrClientIdentifierNotValid.Code:
		return packets.Err3ClientIdentifierNotValid.Code
	case packets.ErrServerBusy.Code, packets.ErrServerUnavailable.Code, packets.ErrServerShuttingDown.Code, packets.ErrQuotaExceeded.Code:
		return packets.Err3ServerUnavailable.Code
	case packets.ErrNotAuthorized.Code:
		return packets.Err3NotAuthorized.Code
	}
	return 0
}

// accept makes the connection a session and answers the CONNECT.
func (s *session) accept(pk *packets.Packet, chain []*x509.Certificate) bool {
	id, err := s.g.verify(chain)
	s.id = id
	if err != nil {
		s.refuse(pk, packets.ErrNotAuthorized, err.Error(), slog.String("identity", reasonOf(err)))
		return false
	}
	// The codec's strings are the packet itself, whose buffer is used again.
	s.version, s.client = pk.ProtocolVersion, strings.Clone(pk.Connect.ClientIdentifier)
	s.expires = time.Now().Add(id.NotAfter.Sub(s.g.Now()))
	answer := packets.Packet{ProtocolVersion: s.version}
	answer.FixedHeader.Type = packets.Connack
	if s.client == "" {
		if s.version == 4 && !pk.Connect.Clean {
			s.refuse(pk, packets.ErrClientIdentifierNotValid, "an empty client id needs a clean session")
			return false
		}
		s.client = "auto-" + string(tenancy.NewID())
		answer.Properties.AssignedClientID = s.client
	}
	s.limit = min(s.g.cfg.PayloadBytes, max(id.Limits.PayloadBytes, 1))
	s.accepted = s.g.Metrics.accepted.WithLabelValues(s.protocol)
	s.bytes = s.g.Metrics.bytes.WithLabelValues(s.protocol)
	s.topics.long = topicBase + id.Device + topicTail
	s.most = pk.Properties.MaximumPacketSize
	s.sentences = !pk.Properties.RequestProblemInfoFlag || pk.Properties.RequestProblemInfo != 0
	s.setKeepAlive(pk.Connect.Keepalive, &answer)
	s.properties(&answer)
	var buf bytes.Buffer
	if answer.ConnackEncode(&buf) != nil {
		return false
	}
	s.out = append(s.out, buf.Bytes()...)
	old, err := s.g.admitsConnection(s, id.Limits)
	if err != nil {
		s.out = nil
		s.refuse(pk, packets.ErrQuotaExceeded, err.Error()+": close some")
		return false
	}
	if old, ok := old.(*session); ok {
		old.end(packets.ErrSessionTakenOver, "another connection of device "+id.Device+" uses the same client id")
	}
	// The catalog may have changed between the check and the registration.
	s.recheck()
	return true
}

func (s *session) setKeepAlive(asked uint16, answer *packets.Packet) {
	alive := time.Duration(asked) * time.Second
	if alive == 0 || alive > s.g.cfg.KeepAlive {
		if alive = s.g.cfg.KeepAlive; s.version == 5 {
			answer.Properties.ServerKeepAlive, answer.Properties.ServerKeepAliveFlag = uint16(alive/time.Second), true
		} else if asked == 0 {
			alive = 24 * time.Hour // 3.1.1 cannot be told: TCP's own keep-alive finds the dead
		} else {
			alive = time.Duration(asked) * time.Second
		}
	}
	s.idle, s.deadline = alive+alive/2, time.Time{}
}

func (s *session) properties(answer *packets.Packet) {
	if s.version != 5 {
		return
	}
	p := &answer.Properties
	p.SessionExpiryIntervalFlag = true
	p.ReceiveMaximum = uint16(s.g.cfg.ReceiveMaximum)
	p.MaximumQos, p.MaximumQosFlag = 1, true
	p.TopicAliasMaximum = aliasMaximum
	p.MaximumPacketSize = uint32(s.limit + headerBytes)
	p.WildcardSubAvailableFlag, p.SubIDAvailableFlag, p.SharedSubAvailableFlag = true, true, true
}

// recheck ends the session if the catalog no longer admits its device.
func (s *session) recheck() {
	if err := s.check(s.g); err != nil {
		s.end(packets.ErrNotAuthorized, err.Error())
	}
}

// read handles packets until the connection ends, or has been silent for so long that it may rest.
func (s *session) read() (silent bool) {
	for !s.draining.Load() {
		first, body, err := s.in.next(s.limit + headerBytes)
		if err != nil {
			if s.mayRest(err) {
				return true
			}
			s.readFailed(err)
			return false
		}
		if s.draining.Load() || !s.handle(first, body) {
			break
		}
	}
	<-s.ctx.Done() // the writer closes when all is said
	return false
}

func (s *session) readFailed(err error) {
	switch {
	case errors.Is(err, errPacketTooLarge):
		s.end(packets.ErrPacketTooLarge, fmt.Sprintf("the packet is larger than %d bytes: send fewer events at once", s.limit+headerBytes))
	case errors.Is(err, errMalformedLength):
		s.end(packets.ErrMalformedPacket, err.Error())
	case s.ctx.Err() != nil:
	case errors.Is(err, os.ErrDeadlineExceeded) && !time.Now().Before(s.expires):
		s.end(packets.ErrNotAuthorized, fmt.Sprintf("the certificate of device %s expired: issue a new one", s.id.Device))
	case errors.Is(err, os.ErrDeadlineExceeded):
		s.end(packets.ErrKeepAliveTimeout, fmt.Sprintf("nothing was heard for %s: send within the keep-alive", s.idle))
	default:
		if !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) {
			s.log().Debug("connection lost", slog.Any("error", err))
		}
		s.end(packets.CodeSuccess, "")
	}
	<-s.ctx.Done()
}

// handle returns false when the connection is to end.
func (s *session) handle(first byte, body []byte) bool {
	if first>>4 == packets.Publish {
		return s.publish(first, body)
	}
	pk := packets.Packet{ProtocolVersion: s.version}
	if err := pk.FixedHeader.Decode(first); err != nil {
		s.end(packets.ErrMalformedPacket, "the packet's flags are not those of its type")
		return false
	}
	switch pk.FixedHeader.Type {
	case packets.Pingreq:
		s.send(func(buf *bytes.Buffer) error { _, err := buf.Write([]byte{packets.Pingresp << 4, 0}); return err })
		return true
	case packets.Disconnect:
		s.end(packets.CodeSuccess, "")
		return false
	case packets.Subscribe:
		return s.subscribe(&pk, body)
	case packets.Unsubscribe:
		return s.unsubscribe(&pk, body)
	case packets.Connect:
		s.end(packets.ErrProtocolViolation, "a second CONNECT came on the connection")
	case packets.Puback, packets.Pubrec, packets.Pubrel, packets.Pubcomp, packets.Auth:
		s.end(packets.ErrProtocolViolation, fmt.Sprintf("packet %s was not asked for", packets.PacketNames[pk.FixedHeader.Type]))
	default:
		s.end(packets.ErrMalformedPacket, fmt.Sprintf("packet type %d is not one that clients send", pk.FixedHeader.Type))
	}
	return false
}

func (s *session) subscribe(pk *packets.Packet, body []byte) bool {
	if err := decodeBody(pk.SubscribeDecode, body); err != nil || len(pk.Filters) == 0 || pk.PacketID == 0 {
		s.end(packets.ErrMalformedPacket, "SUBSCRIBE is malformed")
		return false
	}
	answer := packets.Packet{ProtocolVersion: s.version, PacketID: pk.PacketID}
	answer.FixedHeader.Type = packets.Suback
	code := packets.ErrNotAuthorized.Code
	if s.version != 5 {
		code = packets.ErrUnspecifiedError.Code // the one failure that 3.1.1 has
	}
	answer.ReasonCodes = bytes.Repeat([]byte{code}, len(pk.Filters))
	answer.Properties.ReasonString = "devices send here and cannot subscribe"
	answer.Mods.DisallowProblemInfo, answer.Mods.MaxSize = !s.sentences, s.most
	s.send(answer.SubackEncode)
	return true
}

func (s *session) unsubscribe(pk *packets.Packet, body []byte) bool {
	if err := decodeBody(pk.UnsubscribeDecode, body); err != nil || len(pk.Filters) == 0 || pk.PacketID == 0 {
		s.end(packets.ErrMalformedPacket, "UNSUBSCRIBE is malformed")
		return false
	}
	answer := packets.Packet{ProtocolVersion: s.version, PacketID: pk.PacketID}
	answer.FixedHeader.Type = packets.Unsuback
	answer.ReasonCodes = bytes.Repeat([]byte{packets.CodeNoSubscriptionExisted.Code}, len(pk.Filters))
	s.send(answer.UnsubackEncode)
	return true
}
