package mailbox

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/smtp"
	"strings"
	"testing"
	"time"
)

func start(t *testing.T) (m *Mailbox, mail, web string) {
	t.Helper()
	m, err := New(t.TempDir(), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	listen := func() net.Listener {
		var config net.ListenConfig
		l, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	in, out := listen(), listen()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- m.Serve(ctx, in, out, slog.New(slog.DiscardHandler)) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return m, in.Addr().String(), "http://" + out.Addr().String()
}

func send(address, to, text string) error {
	return smtp.SendMail(address, nil, "me@example.com", []string{to}, []byte(strings.ReplaceAll(text, "\n", "\r\n")))
}

func TestAnEMailIsTakenAndShown(t *testing.T) {
	t.Parallel()
	_, mail, web := start(t)
	const text = `From: "Plant" <plant@example.com>
To: Ada <ada@example.com>
Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=
Content-Type: multipart/alternative; boundary=b

--b
Content-Type: text/html

<b>no</b>
--b
Content-Type: text/plain; charset=UTF-8
Content-Transfer-Encoding: quoted-printable

code =3D 123456, a line that is b=
roken
--b--
`
	if err := send(mail, "ada@example.com", text); err != nil {
		t.Fatal(err)
	}
	if err := send(mail, "bob@example.com", "From: a@example.com\nTo: bob@example.com\nSubject: plain\n\nhello\n"); err != nil {
		t.Fatal(err)
	}
	if err := send(mail, "bob@example.com", "no head at all\n"); err == nil || !strings.Contains(err.Error(), "554") {
		t.Errorf("rubbish: %v", err)
	}
	list := read(t, web+"/mailbox/messages?to=Ada@example.com")
	if len(list) != 1 || list[0].Subject != "Grüße" || strings.TrimSpace(list[0].Text) != "code = 123456, a line that is broken" || list[0].From != "plant@example.com" {
		t.Errorf("ada's: %+v", list)
	}
	if list := read(t, web+"/mailbox/messages"); len(list) != 2 || list[0].To != "bob@example.com" || time.Since(list[0].ReceivedAt) > time.Minute {
		t.Errorf("all, newest first: %+v", list)
	}
}

func read(t *testing.T, url string) []Message {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var answer struct{ Messages []Message }
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	return answer.Messages
}

func TestTheOldestGo(t *testing.T) {
	t.Parallel()
	m, err := New(t.TempDir(), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	for i := range kept + 5 {
		if err := m.keep([]byte(fmt.Sprintf("To: a@example.com\nSubject: %d\n\nx\n", i))); err != nil {
			t.Fatal(err)
		}
	}
	files, err := m.files()
	if err != nil || len(files) != kept {
		t.Errorf("%d files, %v", len(files), err)
	}
	list, err := m.Messages("")
	if err != nil || len(list) != shown || list[0].Subject != fmt.Sprint(kept+4) {
		t.Errorf("%d shown, %v", len(list), err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("To: a@example.com\nSubject: s\n\nx\n"))
	f.Add([]byte("To: a@example.com\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\n--b--\n"))
	f.Add([]byte("no head"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if m, err := parse(text); err == nil && m.To == "" {
			t.Error("an e-mail without a reader was taken")
		}
	})
}
