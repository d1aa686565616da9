package up

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"

	"github.com/millwright-io/millwright/deploy/internal/durable"
	"github.com/millwright-io/millwright/deploy/internal/mailbox"
)

// mailURL is where e-mails go: the mail server that was named, or the development mailbox.
func (s *site) mailURL() (*url.URL, error) {
	if s.cfg.MailURLFile == "" {
		return &url.URL{Scheme: "smtp", Host: loopback(s.ports.mail), RawQuery: "tls=none"}, nil
	}
	text, err := os.ReadFile(s.cfg.MailURLFile)
	if err != nil {
		return nil, fmt.Errorf("read --mail-url-file: %w", err)
	}
	u, err := url.Parse(strings.TrimSpace(string(text)))
	if err != nil || u.Host == "" || (u.Scheme != "smtp" && u.Scheme != "smtps") {
		return nil, fmt.Errorf("--mail-url-file %s: want one line such as smtps://user:password@mail.example.com:465", s.cfg.MailURLFile)
	}
	return u, nil
}

// kratosMailURL is the same in the form of the identity server.
func kratosMailURL(u url.URL) string {
	if u.Query().Get("tls") == "none" {
		u.RawQuery = "disable_starttls=true"
	}
	u.Path = "/"
	return u.String()
}

// writeMailURL is the file that the control plane reads.
func (s *site) writeMailURL() (string, error) {
	if s.cfg.MailURLFile != "" {
		return s.cfg.MailURLFile, nil
	}
	u, err := s.mailURL()
	if err != nil {
		return "", err
	}
	path := s.dir.at("secrets", "mail-url")
	return path, durable.WriteFile(path, []byte(u.String()+"\n"), 0o600)
}

// mailboxPart runs inside this process.
func (s *site) mailboxPart() *part {
	var cancel context.CancelFunc
	var ended chan error
	return &part{
		name: "mailbox",
		start: func(ctx context.Context) error {
			listen := func(port int) (net.Listener, error) {
				var config net.ListenConfig
				return config.Listen(ctx, "tcp", loopback(port))
			}
			mail, err := listen(s.ports.mail)
			if err != nil {
				return fmt.Errorf("listen for e-mails: %w", err)
			}
			web, err := listen(s.ports.mailbox)
			if err != nil {
				_ = mail.Close()
				return fmt.Errorf("listen for readers of e-mails: %w", err)
			}
			var run context.Context
			run, cancel = context.WithCancel(context.WithoutCancel(ctx))
			ended = make(chan error, 1)
			go func() { ended <- s.mailbox.Serve(run, mail, web, s.log) }()
			return nil
		},
		stop: func() {
			cancel()
			if err := <-ended; err != nil {
				s.log.Warn("mailbox: " + err.Error())
			}
		},
		check: func(context.Context) error { return nil },
	}
}

// prepareMailbox makes the mailbox unless there is a mail server.
func (s *site) prepareMailbox() (err error) {
	if s.cfg.MailURLFile == "" {
		s.mailbox, err = mailbox.New(s.dir.at("mail"), s.now)
	}
	return err
}
