package bench

import (
	"fmt"
	"strconv"
	"time"
)

// measurements is how many the sample payload has.
const measurements = 9

// payload renders one device's sample message, about 560 bytes, over and over: only the time, the sequence and the values
// change, in place, so that making it costs next to nothing beside sending it.
type payload struct {
	text                   []byte
	at, sequence           int
	values                 []int
	sequenceLen, valuesLen int
}

const (
	timeForm     = "2006-01-02T15:04:05.000000Z"
	sequenceForm = "%010d"
	valueForm    = "%07d"
)

func newPayload(device, epoch string, now time.Time) *payload {
	p := &payload{sequenceLen: 10, valuesLen: 7}
	p.add(`{"deviceId":"` + device + `","deviceType":"temperature_sensor","timestamp":"`)
	p.at = len(p.text)
	p.add(now.UTC().Format(timeForm) + `","epoch":"` + epoch + `","sequence":1`)
	p.sequence = len(p.text)
	p.add(fmt.Sprintf(sequenceForm, 0))
	p.add(`,"location":{"facility":"factory_01","line":"assembly_line_A","station":"station_05"},"measurements":{`)
	for i, name := range []string{"temperature", "humidity", "pressure", "power", "speed", "torque"} {
		p.value(i > 0, name)
	}
	p.add(`,"vibration":{`)
	for i, name := range []string{"x", "y", "z"} {
		p.value(i > 0, name)
	}
	p.add(`}},"metadata":{"firmware_version":"1.2.3","battery_level":85,"signal_strength":-45},"quality":{"accuracy":99.5,"status":"operational"}}`)
	return p
}

func (p *payload) add(s string) { p.text = append(p.text, s...) }

func (p *payload) value(comma bool, name string) {
	if comma {
		p.add(",")
	}
	p.add(`"` + name + `":2.`)
	p.values = append(p.values, len(p.text))
	p.add(fmt.Sprintf(valueForm, 0))
}

// next changes the message to the given time and sequence; the result is good until the next call.
func (p *payload) next(now time.Time, sequence uint64) []byte {
	// Not in place: the library writes nine digits of the second before it cuts them to six.
	var at [len(timeForm) + 3]byte
	copy(p.text[p.at:], now.UTC().AppendFormat(at[:0], timeForm))
	digits(p.text[p.sequence:p.sequence+p.sequenceLen], sequence)
	noise := sequence*2654435761 + uint64(now.UnixNano())>>10
	for _, at := range p.values {
		noise = noise*6364136223846793005 + 1442695040888963407
		digits(p.text[at:at+p.valuesLen], noise>>33%10_000_000)
	}
	return p.text
}

// sent is the sequence as the message has it: a 1 stands before the digits, for JSON has no leading zeros.
func sent(sequence uint64) uint64 {
	v, _ := strconv.ParseUint(fmt.Sprintf("1"+sequenceForm, sequence), 10, 64)
	return v
}

func digits(into []byte, v uint64) {
	for i := len(into) - 1; i >= 0; i-- {
		into[i] = byte('0' + v%10)
		v /= 10
	}
}
