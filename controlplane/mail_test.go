package controlplane_test

import (
	"bufio"
	"net"
	"net/textproto"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// mails is a mail server that takes every e-mail but those to bounce@.
type mails struct {
	address string
	mu      sync.Mutex
	taken   []string
}

func mailServer(t *testing.T) *mails {
	t.Helper()
	var config net.ListenConfig
	l, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	m := &mails{address: l.Addr().String()}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go m.serve(conn)
		}
	}()
	return m
}

func (m *mails) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	c := textproto.NewConn(conn)
	_ = c.PrintfLine("220 test")
	for {
		line, err := c.ReadLine()
		if err != nil {
			return
		}
		verb, _, _ := strings.Cut(strings.ToUpper(line), " ")
		switch {
		case verb == "DATA":
			_ = c.PrintfLine("354 go on")
			text, err := c.ReadDotBytes()
			if err != nil {
				return
			}
			m.mu.Lock()
			m.taken = append(m.taken, string(text))
			m.mu.Unlock()
			_ = c.PrintfLine("250 taken")
		case strings.Contains(line, "<bounce@"):
			_ = c.PrintfLine("550 there is nobody of that name")
		case verb == "QUIT":
			_ = c.PrintfLine("221 bye")
			return
		default:
			_ = c.PrintfLine("250 test")
		}
	}
}

var link = regexp.MustCompile(`/invitation#([a-z2-7]+)`)

// tokens are those of the invitations that were sent to an address, oldest first.
func (m *mails) tokens(to string) (list []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, text := range m.taken {
		head := textproto.NewReader(bufio.NewReader(strings.NewReader(text)))
		h, err := head.ReadMIMEHeader()
		if err != nil || !strings.Contains(h.Get("To"), to) {
			continue
		}
		// Quoted-printable breaks long lines with =.
		if found := link.FindStringSubmatch(strings.ReplaceAll(text, "=\n", "")); found != nil {
			list = append(list, found[1])
		}
	}
	return list
}

// token waits for the n-th invitation of an address.
func (s *stack) token(t *testing.T, to string, n int) string {
	t.Helper()
	eventually(t, "an invitation came to "+to, func() bool { return len(s.mails.tokens(to)) >= n })
	return s.mails.tokens(to)[n-1]
}

// has reports whether an e-mail to that address has the words.
func (m *mails) has(to, words string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, text := range m.taken {
		head := textproto.NewReader(bufio.NewReader(strings.NewReader(text)))
		h, err := head.ReadMIMEHeader()
		if err == nil && strings.Contains(h.Get("To"), to) && strings.Contains(strings.ReplaceAll(text, "=\n", ""), words) {
			return true
		}
	}
	return false
}
