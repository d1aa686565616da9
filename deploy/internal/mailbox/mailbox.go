// Package mailbox is a mail server for development: it takes every e-mail, for whomever it is, keeps it as a file and
// shows it over HTTP on loopback. Nothing leaves the machine. Package up runs it when no mail server is named; it is the
// home of the go-smtp and go-message modules.
package mailbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/millwright-io/millwright/deploy/internal/durable"
)

const (
	// kept is how many e-mails there are at most; the oldest go.
	kept = 200
	// shown is how many of them are listed.
	shown    = 100
	maxBytes = 1 << 20
	timeout  = 10 * time.Second
	suffix   = ".eml"
)

// Message is an e-mail as it is shown.
type Message struct {
	ID         string    `json:"id"`
	From       string    `json:"from"`
	To         string    `json:"to"`
	Subject    string    `json:"subject"`
	Text       string    `json:"text"`
	ReceivedAt time.Time `json:"received_at"`
}

// Mailbox takes e-mails into a folder.
type Mailbox struct {
	dir  string
	now  func() time.Time
	last atomic.Int64
}

// New returns a mailbox that keeps its e-mails in dir.
func New(dir string, now func() time.Time) (*Mailbox, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of e-mails: %w", err)
	}
	return &Mailbox{dir: dir, now: now}, nil
}

// Serve takes e-mails at one loopback address and shows them at another, until ctx is done.
func (m *Mailbox) Serve(ctx context.Context, mail, web net.Listener, log *slog.Logger) error {
	s := smtp.NewServer(m)
	s.Domain, s.MaxMessageBytes, s.MaxRecipients = "localhost", maxBytes, 10
	s.ReadTimeout, s.WriteTimeout = timeout, timeout
	errorLog := slog.NewLogLogger(log.Handler(), slog.LevelDebug)
	s.ErrorLog = errorLog
	mux := http.NewServeMux()
	mux.HandleFunc("GET /mailbox/messages", m.list)
	page := &http.Server{Handler: mux, ReadHeaderTimeout: timeout, IdleTimeout: time.Minute, ErrorLog: errorLog}
	ended := make(chan error, 2)
	go func() { ended <- s.Serve(mail) }()
	go func() { ended <- page.Serve(web) }()
	var err error
	select {
	case <-ctx.Done():
	case err = <-ended:
	}
	return errors.Join(err, ignoreClosed(s.Close()), page.Close())
}

func ignoreClosed(err error) error {
	if errors.Is(err, smtp.ErrServerClosed) || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// NewSession implements smtp.Backend.
func (m *Mailbox) NewSession(*smtp.Conn) (smtp.Session, error) { return &session{m}, nil }

// session is one e-mail on its way in. Sender and reader are those that the e-mail itself names.
type session struct{ mailbox *Mailbox }

func (*session) Mail(string, *smtp.MailOptions) error { return nil }
func (*session) Rcpt(string, *smtp.RcptOptions) error { return nil }
func (*session) Reset()                               {}
func (*session) Logout() error                        { return nil }

// Data keeps the e-mail.
func (s *session) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	return s.mailbox.keep(text)
}

func (m *Mailbox) keep(text []byte) error {
	if _, err := parse(text); err != nil {
		return &smtp.SMTPError{Code: 554, Message: "this is no e-mail: " + err.Error()}
	}
	name := strconv.FormatInt(m.number(), 10) + suffix
	if err := durable.WriteFile(filepath.Join(m.dir, name), text, 0o600); err != nil {
		return fmt.Errorf("keep e-mail: %w", err)
	}
	files, err := m.files()
	if err != nil {
		return err
	}
	for _, old := range files[min(kept, len(files)):] {
		_ = os.Remove(filepath.Join(m.dir, old))
	}
	return nil
}

// number is the time in nanoseconds, and never the same twice.
func (m *Mailbox) number() int64 {
	for {
		last, next := m.last.Load(), m.now().UnixNano()
		next = max(next, last+1)
		if m.last.CompareAndSwap(last, next) {
			return next
		}
	}
}

// files are the names of the e-mails, newest first.
func (m *Mailbox) files() ([]string, error) {
	entries, err := os.ReadDir(m.dir)
	if err != nil {
		return nil, fmt.Errorf("read the folder of e-mails: %w", err)
	}
	var names []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), suffix) {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	slices.Reverse(names)
	return names, nil
}

// Messages returns the newest e-mails, newest first; to, when it is not empty, is the reader's address.
func (m *Mailbox) Messages(to string) ([]Message, error) {
	names, err := m.files()
	if err != nil {
		return nil, err
	}
	list := []Message{}
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join(m.dir, name))
		if errors.Is(err, os.ErrNotExist) {
			continue // it was too old just now
		}
		if err != nil {
			return nil, fmt.Errorf("read e-mail: %w", err)
		}
		message, err := parse(text)
		if err != nil || (to != "" && !strings.EqualFold(message.To, to)) {
			continue
		}
		message.ID = strings.TrimSuffix(name, suffix)
		if at, err := strconv.ParseInt(message.ID, 10, 64); err == nil {
			message.ReceivedAt = time.Unix(0, at).UTC()
		}
		if list = append(list, message); len(list) == shown {
			break
		}
	}
	return list, nil
}

func (m *Mailbox) list(w http.ResponseWriter, r *http.Request) {
	list, err := m.Messages(r.URL.Query().Get("to"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(map[string]any{"messages": list})
}
