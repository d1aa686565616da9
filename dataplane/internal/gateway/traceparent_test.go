package gateway

import (
	"encoding/binary"
	"testing"

	"github.com/mochi-mqtt/server/v2/packets"
)

func TestAUserPropertySaysWhichTraceAMessageIsOf(t *testing.T) {
	t.Parallel()
	text := func(out []byte, s string) []byte {
		return append(binary.BigEndian.AppendUint16(out, uint16(len(s))), s...)
	}
	properties := text(text([]byte{packets.PropUser}, "traceparent"), "00-a-b-01")
	body := append(text(nil, topicOwn), byte(len(properties)))
	body = append(append(body, properties...), "{}"...)
	p, code := parsePublish(packets.Publish<<4, body, 5)
	if code.Code != 0 || p.traceparent != "00-a-b-01" || string(p.payload) != "{}" {
		t.Errorf("%+v, %v", p, code)
	}
}
