package natswire

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"math"
)

const (
	// LineBytes bounds a line of control, as nats-server does.
	LineBytes = 4096
	// keptBytes is how large a buffer of payloads may stay.
	keptBytes = 64 << 10
	// mostArgs is how many words any operation has at most.
	mostArgs = 4
)

// Reader cuts a connection's bytes into commands.
type Reader struct {
	in   *bufio.Reader
	body []byte
}

// NewReader reads from src.
func NewReader(src io.Reader) *Reader { return &Reader{in: bufio.NewReaderSize(src, LineBytes)} }

// Next returns the next command, valid until the call after it. limit bounds header and payload together.
func (r *Reader) Next(limit int) (Command, error) {
	line, err := r.in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return Command{}, ErrLineTooLong
	}
	if err != nil {
		return Command{}, err
	}
	line = bytes.TrimSuffix(line[:len(line)-1], []byte{'\r'})
	name, rest := word(line)
	switch op := operation(name); op {
	case Connect:
		if rest = bytes.TrimLeft(rest, " \t"); len(rest) == 0 {
			return Command{}, ErrMalformed
		}
		return Command{Op: op, Options: rest}, nil
	case Ping, Pong:
		return Command{Op: op}, nil
	case Publish:
		return r.publish(rest, len(name) == len("HPUB"), limit)
	case Subscribe:
		return subscribe(rest)
	case Unsubscribe:
		return unsubscribe(rest)
	}
	return Command{}, ErrUnknownOperation
}

func operation(name []byte) Op {
	switch string(bytes.ToUpper(name)) {
	case "PUB", "HPUB":
		return Publish
	case "SUB":
		return Subscribe
	case "UNSUB":
		return Unsubscribe
	case "PING":
		return Ping
	case "PONG":
		return Pong
	case "CONNECT":
		return Connect
	}
	return 0
}

// word returns what stands before the first white space, and the rest.
func word(line []byte) (first, rest []byte) {
	if i := bytes.IndexAny(line, " \t"); i >= 0 {
		return line[:i], line[i:]
	}
	return line, nil
}

// args returns the words of a line, at most mostArgs and one more.
func args(line []byte) (list [mostArgs + 1][]byte, n int) {
	for n < len(list) {
		if line = bytes.TrimLeft(line, " \t"); len(line) == 0 {
			break
		}
		list[n], line = word(line)
		n++
	}
	return list, n
}

// publish reads `subject [reply] [header bytes] bytes`, and the bytes.
func (r *Reader) publish(line []byte, header bool, limit int) (Command, error) {
	list, n := args(line)
	sizes := 1
	if header {
		sizes = 2
	}
	if n != 1+sizes && n != 2+sizes {
		return Command{}, ErrMalformed
	}
	total, ok := size(list[n-1])
	head := 0
	if header && ok {
		head, ok = size(list[n-2])
		ok = ok && head <= total
	}
	if !ok {
		return Command{}, ErrMalformed
	}
	if total > limit {
		return Command{}, ErrPayloadTooLarge
	}
	// The words are in the buffer that the body is read through: they move into the body's.
	names := len(list[0])
	r.grow(total + 2 + LineBytes)
	words := r.body[:0]
	words = append(words, list[0]...)
	if n == 2+sizes {
		words = append(words, list[1]...)
	}
	body := r.body[len(words) : len(words)+total+2]
	if _, err := io.ReadFull(r.in, body); err != nil {
		return Command{}, err
	}
	if body[total] != '\r' || body[total+1] != '\n' {
		return Command{}, ErrMalformed
	}
	return Command{
		Op: Publish, Subject: words[:names:names], Reply: words[names:len(words):len(words)],
		Header: body[:head:head], Payload: body[head:total:total],
	}, nil
}

// grow makes the body's buffer large enough, and small again when it was made for something much larger.
func (r *Reader) grow(need int) {
	if len(r.body) < need || len(r.body) > max(2*need, keptBytes) {
		r.body = make([]byte, need)
	}
}

// size reads a number of bytes; what does not fit is as large as can be.
func size(text []byte) (int, bool) {
	n := 0
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, false
		}
		if n = n*10 + int(c-'0'); n > math.MaxInt32 {
			n = math.MaxInt32
		}
	}
	return n, len(text) > 0
}

// subscribe reads `subject [queue] sid`.
func subscribe(line []byte) (Command, error) {
	list, n := args(line)
	switch n {
	case 2:
		return Command{Op: Subscribe, Subject: list[0], SID: list[1]}, nil
	case 3:
		return Command{Op: Subscribe, Subject: list[0], Queue: list[1], SID: list[2]}, nil
	}
	return Command{}, ErrMalformed
}

// unsubscribe reads `sid [most]`.
func unsubscribe(line []byte) (Command, error) {
	list, n := args(line)
	c := Command{Op: Unsubscribe, SID: list[0]}
	switch n {
	case 1:
		return c, nil
	case 2:
		most, ok := size(list[1])
		if c.Most = most; ok {
			return c, nil
		}
	}
	return Command{}, ErrMalformed
}
