// Package smtp gives e-mails to a mail server. The composition root imports it; it is the only home of the go-mail module.
package smtp

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"

	"github.com/millwright-io/millwright/controlplane/internal/mail"
)

// timeout bounds one e-mail.
const timeout = 15 * time.Second

// Sender is a mail server. It implements mail.Sender.
type Sender struct {
	from    string
	host    string
	options []gomail.Option
}

// Open reads a mail server's URL: smtps://user:password@host:465 (TLS from the start), smtp://user:password@host:587
// (STARTTLS, always), or smtp://127.0.0.1:1025?tls=none on the same machine. It does not connect. from is the sender's
// address.
func Open(server, from string) (*Sender, error) {
	u, err := url.Parse(server)
	if err != nil || (u.Scheme != "smtp" && u.Scheme != "smtps") || u.Hostname() == "" {
		return nil, errors.New("mail server: want smtps://user:password@host:465 or smtp://user:password@host:587")
	}
	s := &Sender{from: from, host: u.Hostname(), options: []gomail.Option{gomail.WithTimeout(timeout)}}
	if u.Port() != "" {
		port, err := strconv.Atoi(u.Port())
		if err != nil {
			return nil, fmt.Errorf("mail server: port %q is no number", u.Port())
		}
		s.options = append(s.options, gomail.WithPort(port))
	}
	switch {
	case u.Scheme == "smtps":
		s.options = append(s.options, gomail.WithSSL())
	case u.Query().Get("tls") != "none":
		s.options = append(s.options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	case !local(u.Hostname()):
		return nil, fmt.Errorf("mail server %s: without TLS only on this machine", u.Hostname())
	default:
		s.options = append(s.options, gomail.WithTLSPolicy(gomail.NoTLS))
	}
	if password, ok := u.User.Password(); ok {
		s.options = append(s.options, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover), gomail.WithUsername(u.User.Username()), gomail.WithPassword(password))
	}
	return s, nil
}

func local(host string) bool {
	return host == "localhost" || host == "::1" || strings.HasPrefix(host, "127.")
}

// Send implements mail.Sender.
func (s *Sender) Send(ctx context.Context, m mail.Message) error {
	message := gomail.NewMsg()
	if err := message.From(s.from); err != nil {
		return fmt.Errorf("sender %s: %w: %w", s.from, err, mail.ErrRefused)
	}
	if err := message.To(m.To); err != nil {
		return fmt.Errorf("%s is no address: %w: %w", m.To, err, mail.ErrRefused)
	}
	message.Subject(m.Subject)
	message.SetBodyString(gomail.TypeTextPlain, m.Text)
	client, err := gomail.NewClient(s.host, s.options...)
	if err != nil {
		return fmt.Errorf("mail server %s: %w", s.host, err)
	}
	if err := client.DialAndSendWithContext(ctx, message); err != nil {
		var refusal *gomail.SendError
		if errors.As(err, &refusal) && refusal.ErrorCode() >= 500 {
			return fmt.Errorf("send to %s: %w: %w", m.To, err, mail.ErrRefused)
		}
		return fmt.Errorf("send to %s: %w", m.To, err)
	}
	return nil
}
