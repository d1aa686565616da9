package mqttclient

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Version is the protocol level that a CONNECT names.
type Version byte

// The versions the client speaks.
const (
	V311 Version = 4
	V5   Version = 5
)

// The packet types that a publisher meets, in the upper half of the first byte.
const (
	typeConnect    = 1
	typeConnack    = 2
	typePublish    = 3
	typePuback     = 4
	typePingreq    = 12
	typePingresp   = 13
	typeDisconnect = 14
)

const (
	flagDup  = 0x08
	flagQoS1 = 0x02
	// maxIncoming bounds what a server may send to a publisher: acknowledgements with a reason string.
	maxIncoming = 8 << 10
)

var errMalformed = errors.New("malformed packet")

func appendVarint(dst []byte, n int) []byte {
	for n >= 0x80 {
		dst = append(dst, byte(n)|0x80)
		n >>= 7
	}
	return append(dst, byte(n))
}

func appendString(dst []byte, s string) []byte {
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(s)))
	return append(dst, s...)
}

// appendConnect renders a CONNECT. With version 5 it asks for a session of an hour, so that a resend with DUP is a
// redelivery in the protocol's own sense.
func appendConnect(dst []byte, v Version, clientID string, keepAlive uint16, clean bool) []byte {
	var flags byte
	if clean {
		flags = 0x02
	}
	var props []byte
	if v == V5 {
		props = []byte{5, 0x11, 0, 0, 0x0e, 0x10} // session expiry interval 3600 s
	}
	dst = append(dst, typeConnect<<4)
	dst = appendVarint(dst, 10+len(props)+2+len(clientID))
	dst = appendString(dst, "MQTT")
	dst = append(dst, byte(v), flags)
	dst = binary.BigEndian.AppendUint16(dst, keepAlive)
	dst = append(dst, props...)
	return appendString(dst, clientID)
}

// appendPublish renders a PUBLISH of QoS 1, or of QoS 0 when id is 0.
func appendPublish(dst []byte, v Version, topic string, id uint16, payload []byte) []byte {
	first, n := byte(typePublish<<4), 2+len(topic)+len(payload)
	if id != 0 {
		first, n = first|flagQoS1, n+2
	}
	if v == V5 {
		n++
	}
	dst = append(dst, first)
	dst = appendVarint(dst, n)
	dst = appendString(dst, topic)
	if id != 0 {
		dst = binary.BigEndian.AppendUint16(dst, id)
	}
	if v == V5 {
		dst = append(dst, 0)
	}
	return append(dst, payload...)
}

// readPacket returns the next packet's first byte and its body, which is valid until the next read.
func readPacket(r *bufio.Reader) (byte, []byte, error) {
	first, err := r.ReadByte()
	if err != nil {
		return 0, nil, err
	}
	n, shift := 0, 0
	for {
		b, err := r.ReadByte()
		if err != nil {
			return 0, nil, unexpected(err)
		}
		n |= int(b&0x7f) << shift
		if b < 0x80 {
			break
		}
		if shift += 7; shift > 21 {
			return 0, nil, fmt.Errorf("remaining length of more than 4 bytes: %w", errMalformed)
		}
	}
	if n > maxIncoming {
		return 0, nil, fmt.Errorf("packet of %d bytes to a publisher: %w", n, errMalformed)
	}
	body, err := r.Peek(n)
	if err != nil {
		return 0, nil, unexpected(err)
	}
	_, _ = r.Discard(n) // cannot fail: just peeked
	return first, body, nil
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// connack is what the server answered to CONNECT.
type connack struct {
	code           byte
	reason         string
	receiveMaximum int
}

func parseConnack(v Version, body []byte) (connack, error) {
	if len(body) < 2 {
		return connack{}, fmt.Errorf("CONNACK of %d bytes: %w", len(body), errMalformed)
	}
	ack := connack{code: body[1], receiveMaximum: 65535}
	if v != V5 {
		return ack, nil
	}
	props, err := parseProperties(body[2:])
	if err != nil {
		return connack{}, fmt.Errorf("CONNACK: %w", err)
	}
	ack.reason = props.reason
	if props.receiveMaximum > 0 {
		ack.receiveMaximum = props.receiveMaximum
	}
	return ack, nil
}

// parsePuback returns the packet id, the reason code and the reason string; code and string are 0 and empty when left out.
func parsePuback(v Version, body []byte) (id uint16, code byte, reason string, err error) {
	if len(body) < 2 {
		return 0, 0, "", fmt.Errorf("PUBACK of %d bytes: %w", len(body), errMalformed)
	}
	id = binary.BigEndian.Uint16(body)
	if v != V5 || len(body) == 2 {
		return id, 0, "", nil
	}
	code = body[2]
	if len(body) > 3 {
		props, err := parseProperties(body[3:])
		if err != nil {
			return 0, 0, "", fmt.Errorf("PUBACK: %w", err)
		}
		reason = props.reason
	}
	return id, code, reason, nil
}

func parseDisconnect(v Version, body []byte) (code byte, reason string) {
	if v != V5 || len(body) == 0 {
		return 0, ""
	}
	if len(body) > 1 {
		if props, err := parseProperties(body[1:]); err == nil {
			reason = props.reason
		}
	}
	return body[0], reason
}
