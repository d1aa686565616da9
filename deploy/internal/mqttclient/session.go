package mqttclient

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"time"

	"github.com/coder/websocket"
)

const (
	dialTimeout = 10 * time.Second
	// heldBuffer is the read buffer: the longest packet, or two thousand acknowledgements.
	heldBuffer = maxIncoming
)

// Run connects, reconnects and reads acknowledgements until ctx is done (nil) or the server has refused the device for
// GiveUpAfter (a *RefusedError). It says DISCONNECT when ctx is done.
func (c *Client) Run(ctx context.Context) error {
	defer c.stop()
	backoff, clean := c.cfg.MinBackoff, true
	var refusedSince time.Time
	for {
		conn, reader, err := c.connect(ctx, clean)
		var refused *RefusedError
		switch {
		case ctx.Err() != nil:
			if conn != nil {
				_ = conn.Close()
			}
			return nil
		case errors.As(err, &refused):
			if refusedSince.IsZero() {
				refusedSince = c.cfg.Now()
			}
			if c.cfg.Now().Sub(refusedSince) >= c.cfg.GiveUpAfter {
				return err
			}
		case err == nil:
			refusedSince, clean, backoff = time.Time{}, false, c.cfg.MinBackoff
			err = c.serve(ctx, conn, reader)
			if ctx.Err() != nil {
				return nil
			}
			c.cfg.OnLost(err)
		}
		c.lost(err)
		wait := backoff/2 + rand.N(backoff/2+1)
		backoff = min(backoff*2, c.cfg.MaxBackoff)
		c.log.DebugContext(ctx, "connection lost",
			slog.String("client", c.cfg.ClientID), slog.Any("error", err), slog.Duration("retry_in", wait))
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
	}
}

// Open makes one connection that the server has accepted, for those who only hold it. The caller closes it.
func Open(ctx context.Context, cfg Config) (net.Conn, error) {
	cfg.Window = 1
	conn, _, err := New(cfg, slog.New(slog.DiscardHandler)).connect(ctx, true)
	return conn, err
}

func (c *Client) connect(ctx context.Context, clean bool) (net.Conn, *bufio.Reader, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	conn, err := c.dial(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("connect to %s: %w", c.cfg.Address, err)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	ack, reader, err := c.shakeHands(conn, clean)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		_ = conn.Close()
		return nil, nil, err
	}
	_ = conn.SetDeadline(time.Time{})
	c.mu.Lock()
	c.window = min(len(c.slots), ack.receiveMaximum)
	c.mu.Unlock()
	return conn, reader, nil
}

func (c *Client) shakeHands(conn net.Conn, clean bool) (connack, *bufio.Reader, error) {
	seconds := uint16(min(c.cfg.KeepAlive/time.Second, 65535))
	if _, err := conn.Write(appendConnect(nil, c.cfg.Version, c.cfg.ClientID, seconds, clean)); err != nil {
		return connack{}, nil, fmt.Errorf("send CONNECT: %w", err)
	}
	reader := bufio.NewReaderSize(conn, heldBuffer)
	first, body, err := readPacket(reader)
	if err != nil {
		return connack{}, nil, fmt.Errorf("wait for CONNACK: %w", err)
	}
	if first>>4 != typeConnack {
		return connack{}, nil, fmt.Errorf("packet type %d before CONNACK: %w", first>>4, errMalformed)
	}
	ack, err := parseConnack(c.cfg.Version, body)
	if err == nil && ack.code != 0 {
		err = &RefusedError{Code: ack.code, Reason: ack.reason}
	}
	return ack, reader, err
}

func (c *Client) dial(ctx context.Context) (net.Conn, error) {
	if !isWebSocket(c.cfg.Address) {
		d := tls.Dialer{Config: c.cfg.TLS}
		return d.DialContext(ctx, "tcp", c.cfg.Address)
	}
	transport := &http.Transport{TLSClientConfig: c.cfg.TLS}
	ws, _, err := websocket.Dial(ctx, c.cfg.Address, &websocket.DialOptions{ //nolint:bodyclose // Dial closes it
		HTTPClient: &http.Client{Transport: transport}, Subprotocols: []string{"mqtt"},
	})
	if err != nil {
		return nil, err
	}
	ws.SetReadLimit(maxIncoming + 8)
	// The connection outlives this dial: Run closes it.
	return websocket.NetConn(context.WithoutCancel(ctx), ws, websocket.MessageBinary), nil
}

// serve owns an accepted connection until it ends.
func (c *Client) serve(ctx context.Context, conn net.Conn, reader *bufio.Reader) error {
	c.mu.Lock()
	c.queueUnacked()
	c.conn = conn
	c.stats.Connects++
	c.stats.LastError = ""
	c.changed.Broadcast()
	c.mu.Unlock()

	pinging := make(chan struct{})
	pingCtx, stopPing := context.WithCancel(ctx)
	go func() {
		defer close(pinging)
		c.Flush() // what was queued while there was no connection; acknowledgements are read meanwhile
		c.ping(pingCtx)
	}()
	stop := context.AfterFunc(ctx, func() { c.goodbye(conn) })
	err := c.read(conn, reader)
	if !stop() {
		err = ctx.Err()
	}
	stopPing()
	_ = conn.Close()
	<-pinging
	return err
}

// goodbye writes what is queued and DISCONNECT, then ends the connection.
func (c *Client) goodbye(conn net.Conn) {
	_ = conn.SetWriteDeadline(c.cfg.Now().Add(time.Second))
	c.mu.Lock()
	if c.conn == conn {
		c.out = append(c.out, typeDisconnect<<4, 0)
	}
	c.mu.Unlock()
	c.Flush()
	_ = conn.Close()
}

func (c *Client) ping(ctx context.Context) {
	every := c.cfg.KeepAlive / 2
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			c.mu.Lock()
			if c.conn != nil && (c.inFlight() > 0 || now.UnixNano()-c.lastOut >= int64(every)/2) {
				c.out = append(c.out, typePingreq<<4, 0)
			}
			c.mu.Unlock()
			c.Flush()
		}
	}
}

// read takes acknowledgements, all that came together at once, until the connection ends.
func (c *Client) read(conn net.Conn, reader *bufio.Reader) error {
	acks := make([]Ack, 0, len(c.slots))
	for {
		if reader.Buffered() == 0 {
			if err := conn.SetReadDeadline(c.cfg.Now().Add(c.cfg.KeepAlive * 3 / 2)); err != nil {
				return err
			}
			if _, err := reader.Peek(1); err != nil {
				return err
			}
		}
		acks = acks[:0]
		c.mu.Lock()
		err := c.takeBuffered(reader, &acks)
		if len(acks) > 0 {
			c.changed.Broadcast()
		}
		c.mu.Unlock()
		if len(acks) > 0 {
			c.settle(acks)
		}
		if err != nil {
			return err
		}
		if reader.Buffered() > 0 { // the start of a packet whose end is still on its way
			if _, err := reader.Peek(min(reader.Buffered()+1, heldBuffer)); err != nil {
				return err
			}
		}
	}
}

// takeBuffered frees the slots of every acknowledgement that lies complete in the buffer. The caller holds mu.
func (c *Client) takeBuffered(reader *bufio.Reader, acks *[]Ack) error {
	for complete(reader) {
		first, body, err := readPacket(reader)
		if err != nil {
			return err
		}
		switch first >> 4 {
		case typePuback:
			id, code, reason, err := parsePuback(c.cfg.Version, body)
			if err != nil {
				return err
			}
			if id == 0 || int(id) > len(c.slots) || !c.slots[id-1].used {
				continue // of a message that was acknowledged on the connection before
			}
			s := &c.slots[id-1]
			s.used = false
			c.free = append(c.free, id)
			*acks = append(*acks, Ack{Mark: s.mark, Code: code, Reason: reason})
		case typePingresp:
		case typeDisconnect:
			code, reason := parseDisconnect(c.cfg.Version, body)
			return fmt.Errorf("server ended the connection: code 0x%02x %s", code, reason)
		default:
			return fmt.Errorf("packet type %d to a publisher: %w", first>>4, errMalformed)
		}
	}
	return nil
}

// complete reports whether a whole packet, or one that is malformed, is buffered.
func complete(r *bufio.Reader) bool {
	b, _ := r.Peek(min(r.Buffered(), 5))
	if len(b) < 2 {
		return false
	}
	n, rest, ok := cutVarint(b[1:])
	if !ok {
		return len(b) == 5
	}
	whole := len(b) - len(rest) + n
	return r.Buffered() >= whole || whole > heldBuffer
}

func (c *Client) settle(acks []Ack) {
	c.cfg.OnAcks(acks)
	if c.unsettled.Add(-int64(len(acks))) == 0 {
		c.mu.Lock()
		c.changed.Broadcast()
		c.mu.Unlock()
	}
}

func (c *Client) lost(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conn, c.out = nil, c.out[:0]
	if err != nil {
		c.stats.LastError = err.Error()
	}
}

func (c *Client) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conn, c.stopped = nil, true
	c.changed.Broadcast()
}
