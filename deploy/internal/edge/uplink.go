package edge

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	dialTimeout              = 10 * time.Second
	leastPause, longestPause = 200 * time.Millisecond, 10 * time.Second
)

// errLost says that the connection ended before the answer came.
var errLost = errors.New("the connection to the cell was lost")

// answer is what the cell said of a message.
type answer struct {
	Error struct {
		Code        int    `json:"code"`
		Number      int    `json:"err_code"`
		Description string `json:"description"`
	} `json:"error"`
	Limit struct {
		RetryAfterSeconds float64 `json:"retry_after_seconds"`
	} `json:"limit"`
}

// uplink keeps a connection to the cell.
type uplink struct {
	url         string
	credentials func() (*tls.Config, error)
	log         *slog.Logger

	mu      sync.Mutex
	line    *line
	changed chan struct{}
	problem error
}

// line is one connection. What was sent over it is answered over it, or lost with it.
type line struct {
	conn  *nats.Conn
	inbox string
	lost  chan struct{}

	mu    sync.Mutex
	token uint64
	due   map[uint64]chan answer
}

func newUplink(url string, credentials func() (*tls.Config, error), log *slog.Logger) *uplink {
	return &uplink{url: url, credentials: credentials, log: log, changed: make(chan struct{}), problem: errors.New("not connected yet")}
}

// run connects, again and again, until ctx is done.
func (u *uplink) run(ctx context.Context) error {
	pause := leastPause
	for ctx.Err() == nil {
		l, err := u.dial()
		if err == nil {
			u.set(l, nil)
			u.log.InfoContext(ctx, "connected to the cell")
			pause = leastPause
			select {
			case <-l.lost:
				err = errors.Join(errLost, l.conn.LastError())
			case <-ctx.Done():
			}
			l.conn.Close()
		}
		if ctx.Err() != nil {
			u.set(nil, errors.New("stopped"))
			return nil //nolint:nilerr // the connection ends because it is told to
		}
		u.set(nil, err)
		u.log.WarnContext(ctx, "no connection to the cell, messages wait on the disk", slog.Any("error", err), slog.Duration("again_in", pause))
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
		pause = min(2*pause, longestPause)
	}
	u.set(nil, errors.New("stopped"))
	return nil
}

func (u *uplink) dial() (*line, error) {
	config, err := u.credentials()
	if err != nil {
		return nil, err
	}
	l := &line{lost: make(chan struct{}), inbox: nats.NewInbox() + ".", due: map[uint64]chan answer{}}
	l.conn, err = nats.Connect(u.url, nats.Secure(config), nats.NoReconnect(), nats.Timeout(dialTimeout), nats.Name("millwright edge"),
		nats.PingInterval(20*time.Second), nats.ClosedHandler(func(*nats.Conn) { close(l.lost) }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			u.log.Debug("the cell complains", slog.Any("error", err)) // the answer says why
		}))
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", u.url, err)
	}
	if _, err := l.conn.Subscribe(l.inbox+"*", l.heard); err != nil {
		l.conn.Close()
		return nil, fmt.Errorf("subscribe to answers: %w", err)
	}
	return l, nil
}

func (u *uplink) set(l *line, problem error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.line, u.problem = l, problem
	close(u.changed)
	u.changed = make(chan struct{})
}

// current returns the connection, or nil and what to wait for.
func (u *uplink) current() (*line, <-chan struct{}) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.line, u.changed
}

// state returns nil while there is a connection.
func (u *uplink) state() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.problem
}

// send puts a message on its way; the channel gets its answer.
func (l *line) send(m *nats.Msg) (<-chan answer, error) {
	due := make(chan answer, 1)
	l.mu.Lock()
	l.token++
	token := l.token
	l.due[token] = due
	l.mu.Unlock()
	m.Reply = l.inbox + strconv.FormatUint(token, 10)
	if err := l.conn.PublishMsg(m); err != nil {
		return nil, fmt.Errorf("send to the cell: %w", err)
	}
	return due, nil
}

func (l *line) heard(m *nats.Msg) {
	token, err := strconv.ParseUint(strings.TrimPrefix(m.Subject, l.inbox), 10, 64)
	var said answer
	if err = errors.Join(err, json.Unmarshal(m.Data, &said)); err != nil {
		l.conn.Close() // what was not understood is sent again over the next connection
		return
	}
	l.mu.Lock()
	due := l.due[token]
	delete(l.due, token)
	l.mu.Unlock()
	if due != nil {
		due <- said
	}
}
