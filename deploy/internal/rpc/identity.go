package rpc

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/millwright-io/millwright/deploy/internal/command"
)

// maxAnswer bounds what the identity server answers.
const maxAnswer = 1 << 20

// ErrWrong is a password or a code that is not the account's.
var ErrWrong = errors.New("refused")

// Login is a sign-in at the identity server by its flows for programs, behind the control plane.
type Login struct {
	server string
	Token  string
	Email  string
	// SecondFactor: the session was begun with one.
	SecondFactor bool
	// SecondMissing: the account has a second factor, and the session is good for nothing before Second.
	SecondMissing bool
	ExpiresAt     time.Time
}

// identitySession is what the identity server says of one.
type identitySession struct {
	Level     string    `json:"authenticator_assurance_level"`
	ExpiresAt time.Time `json:"expires_at"`
	Identity  struct {
		Traits struct {
			Email string `json:"email"`
		} `json:"traits"`
	} `json:"identity"`
}

func (l *Login) take(s identitySession) {
	l.Email, l.ExpiresAt, l.SecondFactor = s.Identity.Traits.Email, s.ExpiresAt, s.Level == "aal2"
}

// SignIn begins a session with a password. A wrong one is an ErrWrong.
func SignIn(ctx context.Context, server, email, password string) (*Login, error) {
	if err := checkServer(server); err != nil {
		return nil, err
	}
	l := &Login{server: strings.TrimRight(server, "/")}
	form := map[string]string{"method": "password", "identifier": email, "password": password}
	if err := l.submit(ctx, "", form); err != nil {
		if errors.Is(err, ErrWrong) {
			err = fmt.Errorf("sign in as %s: the server does not know this address with this password: %w", email, ErrWrong)
		}
		return nil, err
	}
	return l, l.Look(ctx)
}

// Kept is the sign-in that a token stands for.
func Kept(server, token string) *Login {
	return &Login{server: strings.TrimRight(server, "/"), Token: token}
}

// Second completes a sign-in with the code of an authenticator app. A wrong one is an ErrWrong.
func (l *Login) Second(ctx context.Context, code string) error {
	if err := l.submit(ctx, "?aal=aal2", map[string]string{"method": "totp", "totp_code": code}); err != nil {
		if errors.Is(err, ErrWrong) {
			err = fmt.Errorf("the code is not the one that the account's app shows now: %w", ErrWrong)
		}
		return err
	}
	return l.Look(ctx)
}

// Look asks what the session is good for. One that is good for nothing any more is a sentence that says what to do.
func (l *Login) Look(ctx context.Context) error {
	var session identitySession
	status, text, err := l.ask(ctx, http.MethodGet, "/identity/sessions/whoami", nil)
	if err != nil {
		return err
	}
	l.SecondMissing = false
	switch {
	case status == http.StatusForbidden && bytes.Contains(text, []byte("session_aal2_required")):
		l.SecondMissing = true
		return nil
	case status == http.StatusUnauthorized:
		return errors.New(sessionHeader(l.server, "").unknown)
	case status != http.StatusOK:
		return answered(status)
	}
	if err := json.Unmarshal(text, &session); err != nil {
		return fmt.Errorf("understand the session: %w", err)
	}
	l.take(session)
	return nil
}

// End ends the session at the identity server, and makes the control plane forget it at once. One that has ended already is no
// failure.
func (l *Login) End(ctx context.Context) error {
	status, _, err := l.ask(ctx, http.MethodDelete, "/identity/self-service/logout/api", map[string]string{"session_token": l.Token})
	if err == nil && status >= http.StatusInternalServerError {
		err = answered(status)
	}
	return err
}

// submit begins a login flow and sends its form.
func (l *Login) submit(ctx context.Context, query string, form any) error {
	var flow struct {
		ID string `json:"id"`
	}
	status, text, err := l.ask(ctx, http.MethodGet, "/identity/self-service/login/api"+query, nil)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, &flow); status != http.StatusOK || err != nil || flow.ID == "" {
		return answered(status)
	}
	if status, text, err = l.ask(ctx, http.MethodPost, "/identity/self-service/login?flow="+url.QueryEscape(flow.ID), form); err != nil {
		return err
	}
	var answer struct {
		Token   string          `json:"session_token"`
		Session identitySession `json:"session"`
	}
	switch {
	case status == http.StatusBadRequest:
		return ErrWrong
	case status != http.StatusOK:
		return answered(status)
	case json.Unmarshal(text, &answer) != nil || (answer.Token == "" && l.Token == ""):
		return errors.New("sign in: the server gave no session")
	}
	if answer.Token != "" {
		l.Token = answer.Token
	}
	l.take(answer.Session)
	return nil
}

func answered(status int) error {
	if status >= http.StatusInternalServerError {
		return command.Unreachable("the identity server is not available (%d %s): try again", status, http.StatusText(status))
	}
	return fmt.Errorf("sign in: the server answers %d %s: is --server the control plane's URL?", status, http.StatusText(status))
}

// ask speaks to a path below /identity/, with the session if there is one. Its answers may hold what was typed: they are not shown.
func (l *Login) ask(ctx context.Context, method, path string, form any) (status int, answer []byte, err error) {
	var body io.Reader
	if form != nil {
		text, err := json.Marshal(form)
		if err != nil {
			return 0, nil, fmt.Errorf("encode the form: %w", err)
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, l.server+path, body)
	if err != nil {
		return 0, nil, command.Usage("--server: %s", err)
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Content-Type", "application/json")
	if l.Token != "" {
		sessionHeader(l.server, l.Token).set(req.Header)
	}
	res, err := newHTTP().Do(req)
	if err != nil {
		return 0, nil, Explain(err)
	}
	defer func() { _ = res.Body.Close() }()
	if answer, err = io.ReadAll(io.LimitReader(res.Body, maxAnswer)); err != nil {
		return 0, nil, command.Unreachable("the answer of %s broke off: %s", path, err)
	}
	return res.StatusCode, answer, nil
}
