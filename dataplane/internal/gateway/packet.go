package gateway

import (
	"errors"
	"io"
)

var (
	errMalformedLength = errors.New("the packet's length is not a variable byte integer")
	errPacketTooLarge  = errors.New("the packet is larger than the limit")
)

const (
	// smallBuffer is what a connection begins with.
	smallBuffer = 1 << 10
	// largeBuffer holds two TLS records: many small packets are read in one go.
	largeBuffer = 32 << 10
)

// packetReader cuts a connection's bytes into MQTT control packets.
type packetReader struct {
	src  io.Reader
	buf  []byte
	r, w int
	// wait is called before a read that may block.
	wait func() error
}

func newPacketReader(src io.Reader, wait func() error) *packetReader {
	return &packetReader{src: src, wait: wait}
}

// rest gives the buffer back if it holds nothing.
func (p *packetReader) rest() {
	if p.r == p.w {
		p.r, p.w, p.buf = 0, 0, nil
	}
}

// next returns a packet's first byte and what follows its length, valid until the call after it.
func (p *packetReader) next(limit int) (first byte, body []byte, err error) {
	length, at := 0, 1
	for shift := 0; ; shift += 7 {
		for p.w-p.r <= at {
			if err := p.fill(at + 1); err != nil {
				return 0, nil, err
			}
		}
		c := p.buf[p.r+at]
		at++
		length |= int(c&0x7f) << shift
		if c < 0x80 {
			break
		}
		if shift == 21 {
			return 0, nil, errMalformedLength
		}
	}
	first = p.buf[p.r]
	if length > limit {
		return first, nil, errPacketTooLarge
	}
	for p.w-p.r < at+length {
		if err := p.fill(at + length); err != nil {
			return 0, nil, err
		}
	}
	body = p.buf[p.r+at : p.r+at+length]
	p.r += at + length
	return first, body, nil
}

// fill reads more; need is how many bytes the packet at hand has at least.
func (p *packetReader) fill(need int) error {
	if p.r == p.w {
		p.r, p.w = 0, 0
	}
	if p.buf == nil {
		p.buf = make([]byte, smallBuffer)
	}
	if p.r > 0 && len(p.buf)-p.r < max(need, len(p.buf)/2) {
		p.w = copy(p.buf, p.buf[p.r:p.w])
		p.r = 0
	}
	if need > len(p.buf) {
		grown := make([]byte, need)
		p.w = copy(grown, p.buf[p.r:p.w])
		p.r, p.buf = 0, grown
	} else if p.w == 0 && len(p.buf) > largeBuffer {
		p.buf = make([]byte, largeBuffer)
	}
	if err := p.wait(); err != nil {
		return err
	}
	n, err := p.src.Read(p.buf[p.w:])
	p.w += n
	if n > 0 {
		if p.w == len(p.buf) && len(p.buf) < largeBuffer {
			p.buf = append(p.buf, make([]byte, len(p.buf))...)
		}
		return nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}
