// Package mqtttest stands in for the gateway in tests of this module's tools: a broker that takes PUBLISH over TLS and
// can be told to hold, refuse or break off. Tests only.
package mqtttest

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
)

// Publish is one PUBLISH as it came.
type Publish struct {
	Device  string // common name of the client certificate
	Topic   string
	Payload []byte
	ID      uint16
	Dup     bool
}

// Verdict is what the broker does with a PUBLISH.
type Verdict struct {
	// Code goes into the PUBACK, for MQTT 5.
	Code byte
	// Reason is the reason string of the PUBACK, for MQTT 5.
	Reason string
	// Hold sends no PUBACK.
	Hold bool
	// Break closes the connection; no PUBACK.
	Break bool
}

// Broker listens on a free port of 127.0.0.1.
type Broker struct {
	listener net.Listener
	judge    func(n int, p Publish) Verdict
	connack  func(n int) byte

	mu       sync.Mutex
	seen     []Publish
	connects int
	conns    map[net.Conn]bool
	wait     sync.WaitGroup
}

// Options tell the broker how to answer; nil functions accept everything.
type Options struct {
	// Judge is asked for each PUBLISH, with its number from 0.
	Judge func(n int, p Publish) Verdict
	// Connack is asked for the code of each CONNACK, with its number from 0.
	Connack func(n int) byte
}

// Start returns a running broker.
func Start(config *tls.Config, o Options) (*Broker, error) {
	l, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		return nil, fmt.Errorf("start test broker: %w", err)
	}
	b := &Broker{listener: l, judge: o.Judge, connack: o.Connack, conns: map[net.Conn]bool{}}
	b.wait.Go(b.accept)
	return b, nil
}

// Address is host:port.
func (b *Broker) Address() string { return b.listener.Addr().String() }

// Seen returns every PUBLISH so far.
func (b *Broker) Seen() []Publish {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]Publish(nil), b.seen...)
}

// BreakAll closes every connection.
func (b *Broker) BreakAll() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for conn := range b.conns {
		_ = conn.Close()
	}
}

// Close ends the broker and waits for its goroutines.
func (b *Broker) Close() {
	_ = b.listener.Close()
	b.BreakAll()
	b.wait.Wait()
}

func (b *Broker) accept() {
	for {
		conn, err := b.listener.Accept()
		if err != nil {
			return
		}
		b.mu.Lock()
		b.conns[conn] = true
		b.mu.Unlock()
		b.wait.Go(func() {
			_ = b.serve(conn) // a broken connection is part of the test
			_ = conn.Close()
			b.mu.Lock()
			delete(b.conns, conn)
			b.mu.Unlock()
		})
	}
}

func (b *Broker) serve(conn net.Conn) error {
	r := bufio.NewReader(conn)
	kind, body, err := read(r)
	if err != nil || kind>>4 != 1 || len(body) < 10 {
		return errors.New("no CONNECT")
	}
	version := body[6]
	b.mu.Lock()
	n := b.connects
	b.connects++
	b.mu.Unlock()
	var code byte
	if b.connack != nil {
		code = b.connack(n)
	}
	answer := []byte{0x20, 2, 0, code}
	if version == 5 {
		answer = []byte{0x20, 6, 0, code, 3, 0x21, 0, 20} // receive maximum 20
	}
	if _, err := conn.Write(answer); err != nil || code != 0 {
		return err
	}
	device := ""
	if t, ok := conn.(*tls.Conn); ok && len(t.ConnectionState().PeerCertificates) > 0 {
		device = t.ConnectionState().PeerCertificates[0].Subject.CommonName
	}
	for {
		kind, body, err := read(r)
		if err != nil {
			return err
		}
		switch kind >> 4 {
		case 3:
			err = b.publish(conn, version, device, kind, body)
		case 12:
			_, err = conn.Write([]byte{0xd0, 0})
		case 14:
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (b *Broker) publish(conn net.Conn, version byte, device string, kind byte, body []byte) error {
	n := int(binary.BigEndian.Uint16(body))
	p := Publish{Device: device, Topic: string(body[2 : 2+n]), Dup: kind&8 != 0}
	body = body[2+n:]
	if kind&6 != 0 {
		p.ID = binary.BigEndian.Uint16(body)
		body = body[2:]
	}
	if version == 5 {
		body = body[1+int(body[0]):]
	}
	p.Payload = append([]byte(nil), body...)
	b.mu.Lock()
	b.seen = append(b.seen, p)
	number := len(b.seen) - 1
	b.mu.Unlock()
	var v Verdict
	if b.judge != nil {
		v = b.judge(number, p)
	}
	switch {
	case v.Break:
		return errors.New("told to break")
	case v.Hold || p.ID == 0:
		return nil
	}
	_, err := conn.Write(puback(version, p.ID, v))
	return err
}

func puback(version byte, id uint16, v Verdict) []byte {
	if version != 5 || v.Code == 0 {
		return []byte{0x40, 2, byte(id >> 8), byte(id)}
	}
	props := append([]byte{0x1f, 0, byte(len(v.Reason))}, v.Reason...)
	out := []byte{0x40, byte(4 + len(props)), byte(id >> 8), byte(id), v.Code, byte(len(props))}
	return append(out, props...)
}

func read(r *bufio.Reader) (byte, []byte, error) {
	kind, err := r.ReadByte()
	if err != nil {
		return 0, nil, err
	}
	n, err := binary.ReadUvarint(r)
	if err != nil {
		return 0, nil, err
	}
	body := make([]byte, n)
	_, err = io.ReadFull(r, body)
	return kind, body, err
}
