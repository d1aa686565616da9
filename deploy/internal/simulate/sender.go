package simulate

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/millwright-io/millwright/deploy/internal/mqttclient"
)

// sender carries messages of one device and reports each answer once. *mqttclient.Client is one.
type sender interface {
	Run(ctx context.Context) error
	// Publish blocks while too much is unanswered.
	Publish(topic string, payload []byte, mark mqttclient.Mark) error
	Flush()
	// Drain waits until everything was answered and returns how much was not.
	Drain(ctx context.Context) int
	Connected() bool
	// Reconnect changes over to a new connection, with the certificate as it is then.
	Reconnect()
	Stats() mqttclient.Stats
}

// httpSender posts to the device ingest over HTTPS. It sends what has gathered since the last answer in one request.
type httpSender struct {
	url    string
	client *http.Client
	onAcks func([]mqttclient.Ack)
	now    func() time.Time
	log    *slog.Logger

	mu      sync.Mutex
	changed *sync.Cond
	queue   []posted
	flying  int
	stopped bool
	up      bool
	stats   mqttclient.Stats
}

type posted struct {
	payload []byte
	mark    mqttclient.Mark
}

const (
	httpQueue   = 256
	httpBatch   = 100
	httpTimeout = 30 * time.Second
)

func newHTTPSender(url string, config *tls.Config, now func() time.Time, log *slog.Logger, onAcks func([]mqttclient.Ack)) *httpSender {
	transport := &http.Transport{TLSClientConfig: config, MaxIdleConnsPerHost: 1, IdleConnTimeout: time.Minute}
	h := &httpSender{url: url, client: &http.Client{Transport: transport, Timeout: httpTimeout}, onAcks: onAcks, now: now, log: log}
	h.changed = sync.NewCond(&h.mu)
	return h
}

func (h *httpSender) Publish(_ string, payload []byte, mark mqttclient.Mark) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	for len(h.queue) >= httpQueue && !h.stopped {
		h.changed.Wait()
	}
	if h.stopped {
		return mqttclient.ErrStopped
	}
	h.queue = append(h.queue, posted{bytes.Clone(payload), mark})
	h.changed.Broadcast()
	return nil
}

func (h *httpSender) Flush() {}

// Reconnect implements sender: a connection in use ends with its request.
func (h *httpSender) Reconnect() { h.client.CloseIdleConnections() }

func (h *httpSender) Connected() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.up
}

func (h *httpSender) Stats() mqttclient.Stats {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.stats
}

func (h *httpSender) Drain(ctx context.Context) int {
	stop := context.AfterFunc(ctx, h.wake)
	defer stop()
	h.mu.Lock()
	defer h.mu.Unlock()
	for len(h.queue)+h.flying > 0 && ctx.Err() == nil && !h.stopped {
		h.changed.Wait()
	}
	return len(h.queue) + h.flying
}

func (h *httpSender) wake() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.changed.Broadcast()
}

// Run posts until ctx is done.
func (h *httpSender) Run(ctx context.Context) error {
	defer h.client.CloseIdleConnections()
	stop := context.AfterFunc(ctx, h.wake)
	defer stop()
	for {
		batch := h.take(ctx)
		if ctx.Err() != nil {
			h.mu.Lock()
			h.stopped = true
			h.changed.Broadcast()
			h.mu.Unlock()
			return nil
		}
		h.deliver(ctx, batch)
		h.mu.Lock()
		h.flying = 0
		h.changed.Broadcast()
		h.mu.Unlock()
	}
}

func (h *httpSender) take(ctx context.Context) []posted {
	h.mu.Lock()
	defer h.mu.Unlock()
	for len(h.queue) == 0 && ctx.Err() == nil {
		h.changed.Wait()
	}
	n := min(len(h.queue), httpBatch)
	batch := append([]posted(nil), h.queue[:n]...)
	h.queue = append(h.queue[:0], h.queue[n:]...)
	h.flying = n
	h.changed.Broadcast()
	return batch
}

// deliver posts until every event of the batch was answered. Events of a refused batch go one by one, so that each gets
// its own answer; those stored already are deduplicated.
func (h *httpSender) deliver(ctx context.Context, batch []posted) {
	backoff := 100 * time.Millisecond
	for ctx.Err() == nil {
		status, reason, wait, err := h.post(ctx, batch)
		h.mu.Lock()
		h.up = err == nil
		h.stats.LastError = ""
		if err != nil {
			h.stats.LastError = err.Error()
		}
		h.mu.Unlock()
		switch {
		case err == nil && status < 300:
			h.answer(batch, 0, "")
			return
		case err == nil && status != http.StatusTooManyRequests && status < 500 && len(batch) > 1:
			for i := range batch {
				h.deliver(ctx, batch[i:i+1])
			}
			return
		case err == nil && (status == http.StatusBadRequest || status == http.StatusRequestEntityTooLarge || status == http.StatusUnprocessableEntity):
			h.answer(batch, 0x99, reason)
			return
		case err == nil:
			h.mu.Lock()
			h.stats.LastError = fmt.Sprintf("status %d: %s", status, reason)
			h.mu.Unlock()
		}
		h.log.DebugContext(ctx, "post again", slog.Int("status", status), slog.String("reason", reason), slog.Any("error", err))
		select {
		case <-ctx.Done():
		case <-time.After(max(wait, backoff)):
		}
		backoff = min(2*backoff, 5*time.Second)
		h.mu.Lock()
		h.stats.Resent += uint64(len(batch))
		h.mu.Unlock()
	}
}

func (h *httpSender) answer(batch []posted, code byte, reason string) {
	acks := make([]mqttclient.Ack, len(batch))
	for i, p := range batch {
		acks[i] = mqttclient.Ack{Mark: p.mark, Code: code, Reason: reason}
	}
	h.onAcks(acks)
}

func (h *httpSender) post(ctx context.Context, batch []posted) (status int, reason string, wait time.Duration, err error) {
	var body bytes.Buffer
	for _, p := range batch {
		body.Write(p.payload)
		body.WriteByte('\n')
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.url, &body)
	if err != nil {
		return 0, "", 0, err
	}
	req.Header.Set("Content-Type", "application/x-ndjson")
	res, err := h.client.Do(req)
	if err != nil {
		return 0, "", 0, err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(bufio.NewReader(res.Body), 4<<10))
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, "", 0, err
	}
	if seconds, err := time.ParseDuration(res.Header.Get("Retry-After") + "s"); err == nil {
		wait = min(seconds, time.Minute)
	}
	return res.StatusCode, strings.TrimSpace(string(text)), wait, nil
}
