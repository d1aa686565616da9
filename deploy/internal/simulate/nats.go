package simulate

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/millwright-io/millwright/deploy/internal/mqttclient"
)

const (
	natsLeastPause, natsLongestPause = 100 * time.Millisecond, 5 * time.Second
	// natsGiveUp is how long the server may refuse the device before a run of limited length ends.
	natsGiveUp = 30 * time.Second
)

// natsSender publishes with a reply subject over NATS. After a lost connection it sends what was not answered again, in order.
type natsSender struct {
	url     string
	config  *tls.Config
	window  int
	forever bool
	onAcks  func([]mqttclient.Ack)
	log     *slog.Logger
	again   chan struct{}

	mu      sync.Mutex
	changed *sync.Cond
	conn    *nats.Conn
	inbox   string
	pending map[uint64]posted
	token   uint64
	stopped bool
	stats   mqttclient.Stats
}

func newNATSSender(url string, config *tls.Config, window int, forever bool, log *slog.Logger, onAcks func([]mqttclient.Ack)) *natsSender {
	s := &natsSender{
		url: url, config: config, window: window, forever: forever, log: log, onAcks: onAcks,
		again: make(chan struct{}, 1), pending: map[uint64]posted{},
	}
	s.changed = sync.NewCond(&s.mu)
	return s
}

func (s *natsSender) Publish(_ string, payload []byte, mark mqttclient.Mark) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.pending) >= s.window && !s.stopped {
		s.changed.Wait()
	}
	if s.stopped {
		return mqttclient.ErrStopped
	}
	s.token++
	s.pending[s.token] = posted{bytes.Clone(payload), mark}
	s.send(s.token)
	return nil
}

// send puts a message on the connection, if there is one. What is lost with it is sent again on the next.
func (s *natsSender) send(token uint64) {
	if s.conn != nil {
		_ = s.conn.PublishRequest("v1.telemetry", s.inbox+strconv.FormatUint(token, 10), s.pending[token].payload)
	}
}

func (s *natsSender) Flush() {}

// Reconnect implements sender.
func (s *natsSender) Reconnect() {
	select {
	case s.again <- struct{}{}:
	default:
	}
}

func (s *natsSender) Connected() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conn != nil
}

func (s *natsSender) Stats() mqttclient.Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats
}

func (s *natsSender) Drain(ctx context.Context) int {
	defer context.AfterFunc(ctx, s.wake)()
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.pending) > 0 && ctx.Err() == nil && !s.stopped {
		s.changed.Wait()
	}
	return len(s.pending)
}

func (s *natsSender) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changed.Broadcast()
}

// Run connects, again and again, until ctx is done.
func (s *natsSender) Run(ctx context.Context) error {
	defer func() {
		s.mu.Lock()
		s.stopped = true
		s.changed.Broadcast()
		s.mu.Unlock()
	}()
	pause, since := natsLeastPause, time.Now()
	for ctx.Err() == nil {
		served, err := s.serve(ctx)
		if served {
			pause, since = natsLeastPause, time.Now()
		} else if err != nil && strings.Contains(err.Error(), "Authorization Violation") && !s.forever && time.Since(since) > natsGiveUp {
			return err
		}
		s.mu.Lock()
		if err != nil {
			s.stats.LastError = err.Error()
		}
		s.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(2*pause, natsLongestPause)
	}
	return nil
}

// serve connects once and returns when the connection is over; served: it was one.
func (s *natsSender) serve(ctx context.Context) (served bool, err error) {
	closed := make(chan struct{})
	nc, err := nats.Connect(s.url, nats.Secure(s.config), nats.NoReconnect(), nats.Timeout(10*time.Second), nats.Name("millwright simulate"),
		nats.ClosedHandler(func(*nats.Conn) { close(closed) }))
	if err != nil {
		return false, fmt.Errorf("connect to %s: %w", s.url, err)
	}
	defer nc.Close()
	inbox := nats.NewInbox() + "."
	if _, err := nc.Subscribe(inbox+"*", func(m *nats.Msg) { s.answer(strings.TrimPrefix(m.Subject, inbox), m.Data) }); err != nil {
		return false, fmt.Errorf("subscribe to answers: %w", err)
	}
	s.mu.Lock()
	s.conn, s.inbox, s.stats.LastError = nc, inbox, ""
	s.stats.Connects++
	for _, token := range slices.Sorted(maps.Keys(s.pending)) {
		if s.stats.Connects > 1 {
			s.stats.Resent++
		}
		s.send(token)
	}
	s.mu.Unlock()
	select {
	case <-closed:
	case <-s.again:
	case <-ctx.Done():
	}
	s.mu.Lock()
	s.conn = nil
	s.mu.Unlock()
	return true, nc.LastError()
}

// answer settles the message that an answer is for.
func (s *natsSender) answer(token string, text []byte) {
	n, err := strconv.ParseUint(token, 10, 64)
	var said struct {
		Error struct {
			Code        int
			Description string
		}
	}
	if err = errors.Join(err, json.Unmarshal(text, &said)); err != nil {
		s.log.Warn("an answer cannot be read", slog.Any("error", err))
		return
	}
	s.mu.Lock()
	message, ok := s.pending[n]
	delete(s.pending, n)
	s.changed.Broadcast()
	s.mu.Unlock()
	if ok {
		s.onAcks([]mqttclient.Ack{{Mark: message.mark, Code: reasonCode(said.Error.Code), Reason: said.Error.Description}})
	}
}

// reasonCode is MQTT's for a status.
func reasonCode(status int) byte {
	switch status {
	case 0:
		return 0
	case 429:
		return quotaExceeded
	case 503:
		return serverBusy
	}
	return 0x99
}
