package gateway

import (
	"bytes"

	"github.com/mochi-mqtt/server/v2/packets"
)

// decodeBody runs a decoder of the codec. It reads past the end of some packets that are cut off (a SUBSCRIBE without the
// options of its last filter is one) and panics; a client must not be able to stop the cell with that.
func decodeBody(decode func([]byte) error, body []byte) (err error) {
	defer func() {
		if recover() != nil {
			err = packets.ErrMalformedPacket
		}
	}()
	return decode(body)
}

// decodeProperties reads the properties of a PUBLISH; body is exactly their bytes.
func decodeProperties(body []byte) (props packets.Properties, err error) {
	err = decodeBody(func(raw []byte) error {
		_, err := props.Decode(packets.Publish, bytes.NewBuffer(raw))
		return err
	}, body)
	return props, err
}
