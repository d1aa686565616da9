// Package mqttclient publishes telemetry over MQTT 3.1.1 and 5, as fast as the server acknowledges. It is for the tools
// in this module (simulate, replay, bench): it publishes only, keeps a bounded window of messages in flight, and after
// a lost connection sends the unacknowledged ones again, with DUP and the same bytes. One client is one device.
package mqttclient

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// ErrStopped is returned by Publish once Run has ended.
var ErrStopped = errors.New("client is stopped")

// Config says where and how to publish.
type Config struct {
	// Address is host:port of MQTT over TLS, or a wss:// URL.
	Address string
	// TLS carries the device's certificate and the root of the server's.
	TLS *tls.Config
	// Version is V311 unless set.
	Version  Version
	ClientID string
	// Window is how many messages may wait for their acknowledgement; 64 unless set. A lower Receive Maximum of the
	// server wins.
	Window int
	// KeepAlive is the longest silence; 30 s unless set.
	KeepAlive time.Duration
	// MinBackoff and MaxBackoff bound the wait before a reconnect; 100 ms and 5 s unless set.
	MinBackoff, MaxBackoff time.Duration
	// GiveUpAfter is how long the server may refuse the device before Run returns the refusal; 30 s unless set. A
	// device that was just created is refused until its cell has heard of it.
	GiveUpAfter time.Duration
	// OnAcks is called with the acknowledgements that came together, in the client's own goroutine; the slice is
	// reused after it returns.
	OnAcks func([]Ack)
	// OnLost is called when a connection that the server had accepted ends, with the server's words if it had any.
	OnLost func(error)
	// Now is time.Now unless set.
	Now func() time.Time
}

// Ack is the server's answer to one message: what the caller gave with it, and the reason code (0 is success, below
// 0x80 is acceptance; always 0 with MQTT 3.1.1).
type Ack struct {
	Mark
	Code   byte
	Reason string
}

// Refused reports whether the server did not take the message.
func (a Ack) Refused() bool { return a.Code >= 0x80 }

// Mark is what the caller wants to know again when the acknowledgement comes. The client does not read it.
type Mark struct {
	Sequence uint64
	// EventTime and Due are Unix nanoseconds: of the event, and when it should have been sent.
	EventTime, Due int64
}

// RefusedError is a CONNACK that says no.
type RefusedError struct {
	Code   byte
	Reason string
}

func (e *RefusedError) Error() string {
	text := e.Reason
	if text == "" {
		text = connackText(e.Code)
	}
	return fmt.Sprintf("server refused the connection: %s (code %d)", text, e.Code)
}

// Stats counts what happened on the wire.
type Stats struct {
	Connects, Resent uint64
	// LastError is why the connection was lost or could not be made; empty while connected.
	LastError string
}

type slot struct {
	mark   Mark
	order  uint64
	packet []byte
	used   bool
	sent   bool
}

// Client is one connection's worth of publishing. Publish and Flush may be called from several goroutines.
type Client struct {
	cfg Config
	log *slog.Logger

	write sync.Mutex // held while bytes go out; taken before mu

	mu      sync.Mutex
	changed *sync.Cond
	conn    net.Conn
	out     []byte // rendered and not yet written
	spare   []byte
	slots   []slot   // packet id n lies in slot n-1
	free    []uint16 // ids of unused slots, a stack
	window  int      // how many slots the server allows; none before the first connection
	order   uint64
	lastOut int64
	stopped bool
	stats   Stats

	unsettled atomic.Int64 // published, and OnAcks not yet returned
}

// New returns a client that does nothing until Run.
func New(cfg Config, log *slog.Logger) *Client {
	cfg.Version = cmp.Or(cfg.Version, V311)
	cfg.Window = min(cmp.Or(cfg.Window, 64), 65535)
	cfg.KeepAlive = cmp.Or(cfg.KeepAlive, 30*time.Second)
	cfg.MinBackoff = cmp.Or(cfg.MinBackoff, 100*time.Millisecond)
	cfg.MaxBackoff = cmp.Or(cfg.MaxBackoff, 5*time.Second)
	cfg.GiveUpAfter = cmp.Or(cfg.GiveUpAfter, 30*time.Second)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.OnAcks == nil {
		cfg.OnAcks = func([]Ack) {}
	}
	if cfg.OnLost == nil {
		cfg.OnLost = func(error) {}
	}
	c := &Client{cfg: cfg, log: log, slots: make([]slot, cfg.Window)}
	c.changed = sync.NewCond(&c.mu)
	for id := cfg.Window; id >= 1; id-- {
		c.free = append(c.free, uint16(id))
	}
	return c
}

// flushAt is how many rendered bytes are written without waiting for Flush.
const flushAt = 32 << 10

// Publish queues a message of QoS 1; the payload is copied. It writes what is queued before it blocks on a full
// window. It returns ErrStopped once Run has ended.
func (c *Client) Publish(topic string, payload []byte, mark Mark) error {
	c.mu.Lock()
	for !c.stopped && c.inFlight() >= c.window {
		if c.conn != nil && len(c.out) > 0 {
			c.mu.Unlock()
			c.Flush()
			c.mu.Lock()
			continue
		}
		c.changed.Wait()
	}
	if c.stopped {
		c.mu.Unlock()
		return ErrStopped
	}
	id := c.free[len(c.free)-1]
	c.free = c.free[:len(c.free)-1]
	s := &c.slots[id-1]
	c.order++
	s.mark, s.order, s.used, s.sent = mark, c.order, true, false
	s.packet = appendPublish(s.packet[:0], c.cfg.Version, topic, id, payload)
	c.unsettled.Add(1)
	full := false
	if c.conn != nil {
		c.out = append(c.out, s.packet...)
		s.sent = true
		full = len(c.out) >= flushAt
	}
	c.mu.Unlock()
	if full {
		c.Flush()
	}
	return nil
}

// PublishQoS0 sends a message that is not acknowledged, or drops it when there is no connection.
func (c *Client) PublishQoS0(topic string, payload []byte) {
	c.mu.Lock()
	if c.conn != nil {
		c.out = appendPublish(c.out, c.cfg.Version, topic, 0, payload)
	}
	c.mu.Unlock()
	c.Flush()
}

// Flush writes what is queued. An error shows as a lost connection.
func (c *Client) Flush() {
	c.write.Lock()
	defer c.write.Unlock()
	c.mu.Lock()
	buf, conn := c.out, c.conn
	if conn == nil || len(buf) == 0 {
		c.mu.Unlock()
		return
	}
	c.out, c.spare = c.spare[:0], nil
	c.lastOut = c.cfg.Now().UnixNano()
	c.mu.Unlock()
	if _, err := conn.Write(buf); err != nil {
		_ = conn.Close() // the reader sees it and reconnects
	}
	c.mu.Lock()
	c.spare = buf[:0]
	c.mu.Unlock()
}

// Drain flushes and waits until every published message was acknowledged or ctx is done; it returns how many were not.
func (c *Client) Drain(ctx context.Context) int {
	c.Flush()
	stop := context.AfterFunc(ctx, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.changed.Broadcast()
	})
	defer stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.unsettled.Load() > 0 && ctx.Err() == nil && !c.stopped {
		c.changed.Wait()
	}
	return int(c.unsettled.Load())
}

// Stats returns the counts so far.
func (c *Client) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stats
}

// Connected reports whether the server has accepted the device and the connection stands.
func (c *Client) Connected() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.conn != nil
}

// Reconnect ends the connection, if there is one; Run makes another, and what was not acknowledged goes out again.
func (c *Client) Reconnect() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn != nil {
		_ = c.conn.Close()
	}
}

func (c *Client) inFlight() int { return len(c.slots) - len(c.free) }

// queueUnacked renders every unacknowledged message again, oldest first. The caller holds mu.
func (c *Client) queueUnacked() {
	var used []*slot
	for i := range c.slots {
		if c.slots[i].used {
			used = append(used, &c.slots[i])
		}
	}
	slices.SortFunc(used, func(a, b *slot) int { return cmp.Compare(a.order, b.order) })
	c.out = c.out[:0]
	for _, s := range used {
		if s.sent {
			s.packet[0] |= flagDup
			c.stats.Resent++
		}
		s.sent = true
		c.out = append(c.out, s.packet...)
	}
}

func connackText(code byte) string {
	texts := map[byte]string{
		1: "protocol version not supported", 2: "client id not accepted", 3: "server unavailable", 4: "bad credentials",
		5: "not authorised", 0x84: "protocol version not supported", 0x85: "client id not accepted",
		0x86: "bad credentials", 0x87: "not authorised", 0x88: "server unavailable", 0x89: "server busy", 0x8a: "banned",
		0x97: "quota exceeded", 0x9f: "connection rate exceeded",
	}
	return cmp.Or(texts[code], "no reason given")
}

func isWebSocket(address string) bool { return strings.HasPrefix(address, "wss://") }
