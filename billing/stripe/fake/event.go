package fake

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// delivery says where events go, and how.
type delivery struct {
	URL    string `json:"url"`
	Secret string `json:"secret"`
	// Mode is once (default), twice, reversed (each pair the wrong way round), or hold (until they are released).
	Mode string `json:"mode"`
}

// letter is an event on its way.
type letter struct {
	body []byte
	to   delivery
}

// courier delivers events in order, and again until they are answered with 2xx.
type courier struct {
	mu     sync.Mutex
	to     delivery
	queue  []letter
	held   []letter
	wake   chan struct{}
	done   chan struct{}
	client *http.Client
	// Delivered counts the answers by status.
	answers map[int]int
}

func newCourier() *courier {
	c := &courier{wake: make(chan struct{}, 1), done: make(chan struct{}), client: &http.Client{Timeout: 10 * time.Second}, answers: map[int]int{}}
	go c.run()
	return c
}

func (c *courier) close() { close(c.done) }

// tell has an event delivered; the server is locked, and the event is the object as it is now.
func (s *Server) tell(kind string, o object) {
	snapshot := object{}
	for name, value := range o {
		snapshot[name] = value
	}
	e := s.put("evt", "event", object{"type": kind, "api_version": "2023-10-16", "pending_webhooks": int64(1), "data": object{"object": snapshot}})
	s.post.take(encode(e))
}

func (c *courier) take(body []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.to.URL == "" {
		return
	}
	l := letter{body: body, to: c.to}
	switch c.to.Mode {
	case "hold":
		c.held = append(c.held, l)
	case "twice":
		c.queue = append(c.queue, l, l)
	case "reversed":
		if c.held = append(c.held, l); len(c.held) == 2 {
			c.queue = append(c.queue, c.held[1], c.held[0])
			c.held = nil
		}
	default:
		c.queue = append(c.queue, l)
	}
	c.nudge()
}

func (c *courier) nudge() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// direct says where events go from now on, and sends what was held.
func (c *courier) direct(to delivery) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.to = to
	c.queue, c.held = append(c.queue, c.held...), nil
	c.nudge()
}

// again is how soon an event that was not taken comes again; Stripe's first repetition comes after some minutes.
const again = 300 * time.Millisecond

func (c *courier) run() {
	for {
		c.mu.Lock()
		var l letter
		some := len(c.queue) > 0
		if some {
			l = c.queue[0]
		}
		c.mu.Unlock()
		if !some {
			select {
			case <-c.done:
				return
			case <-c.wake:
			}
			continue
		}
		taken := c.deliver(l)
		c.mu.Lock()
		if taken {
			c.queue = c.queue[1:]
		} else if len(c.queue) > 1 { // others go first
			c.queue = append(c.queue[1:], l)
		}
		c.mu.Unlock()
		if taken {
			continue
		}
		select {
		case <-c.done:
			return
		case <-time.After(again):
		}
	}
}

func (c *courier) deliver(l letter) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, l.to.URL, bytes.NewReader(l.body))
	if err != nil {
		return true // it will never go
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Stripe-Signature", Sign(l.body, l.to.Secret, time.Now()))
	res, err := c.client.Do(req)
	if err != nil {
		return false
	}
	_ = res.Body.Close()
	c.mu.Lock()
	c.answers[res.StatusCode]++
	c.mu.Unlock()
	return res.StatusCode/100 == 2
}

// Sign is the header that signs an event, as Stripe documents it.
func Sign(body []byte, secret string, at time.Time) string {
	mac := hmac.New(sha256.New, []byte(secret))
	_, _ = fmt.Fprintf(mac, "%d.", at.Unix())
	_, _ = mac.Write(body)
	return fmt.Sprintf("t=%d,v1=%s", at.Unix(), hex.EncodeToString(mac.Sum(nil)))
}
