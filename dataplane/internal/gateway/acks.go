package gateway

import (
	"encoding/binary"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/millwright-io/millwright/dataplane/internal/trace"
)

// slot is a QoS 1 message that waits for its answer.
type slot struct {
	id uint16
	// due is how many receipts are still to come.
	due    uint8
	code   byte
	reason string
	since  time.Time
	// span is the message's, when it is followed.
	span *trace.Span
}

// ackQueue answers a connection's messages in the order they came, as MQTT asks for. Tokens count messages from 1.
type ackQueue struct {
	slots []slot
	// head is the token of the oldest message without an answer, tail that of the next message.
	head, tail uint64
}

func (q *ackQueue) len() int { return int(q.tail - q.head) }

func (q *ackQueue) at(token uint64) *slot { return &q.slots[token&uint64(len(q.slots)-1)] }

func (q *ackQueue) waits(token uint64) bool { return token >= q.head && token < q.tail }

// rest gives the slots back while no message waits.
func (q *ackQueue) rest() {
	if q.head == q.tail {
		q.slots = nil
	}
}

func (q *ackQueue) push(s slot) uint64 {
	if len(q.slots) == 0 {
		q.slots = make([]slot, 16)
		q.head, q.tail = max(q.head, 1), max(q.tail, 1)
	}
	if q.len() == len(q.slots) {
		grown := ackQueue{slots: make([]slot, 2*len(q.slots))}
		for token := q.head; token < q.tail; token++ {
			*grown.at(token) = *q.at(token)
		}
		q.slots = grown.slots
	}
	token := q.tail
	*q.at(token) = s
	q.tail++
	return token
}

// pop removes the oldest message if its answer is due.
func (q *ackQueue) pop() (slot, bool) {
	if q.head == q.tail || q.at(q.head).due > 0 {
		return slot{}, false
	}
	s := *q.at(q.head)
	*q.at(q.head) = slot{}
	q.head++
	return s, true
}

// appendPuback writes an answer. Sentences are for version 5 and for those who want them.
func appendPuback(out []byte, s *slot, version byte, sentences bool, most uint32) []byte {
	if version != 5 || s.code == 0 {
		return append(out, packets.Puback<<4, 2, byte(s.id>>8), byte(s.id))
	}
	if !sentences || s.reason == "" || most > 0 && len(s.reason)+16 > int(most) {
		return append(out, packets.Puback<<4, 4, byte(s.id>>8), byte(s.id), s.code, 0)
	}
	reason := s.reason
	properties := 3 + len(reason)
	head := binary.AppendUvarint(nil, uint64(properties)) // the same form as MQTT's variable byte integer
	out = append(out, packets.Puback<<4)
	out = binary.AppendUvarint(out, uint64(3+len(head)+properties))
	out = append(out, byte(s.id>>8), byte(s.id), s.code)
	out = append(out, head...)
	out = append(out, packets.PropReasonString, byte(len(reason)>>8), byte(len(reason)))
	return append(out, reason...)
}
