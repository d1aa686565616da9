package rpc

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/millwright-io/millwright/deploy/internal/command"
)

// Person says which installation, and who signs in there.
type Person struct {
	Server string
	// File holds {"email": …, "password": …}, as DATA/demo.json does.
	File string
}

// PersonFlags defines --server and --sign-in.
func PersonFlags(fs *flag.FlagSet) *Person {
	p := &Person{}
	fs.StringVar(&p.Server, "server", "http://127.0.0.1:8080", "`URL` of the control plane")
	fs.StringVar(&p.File, "sign-in", "", "`FILE` with {\"email\", \"password\"} of a person, such as DATA/demo.json; keep it for your own eyes")
	return p
}

// DialPerson signs the person in and returns a client of their session.
func DialPerson(ctx context.Context, p Person) (*Client, error) {
	if p.File == "" {
		return nil, command.Usage("no person: name a file with {\"email\", \"password\"} by --sign-in or %sSIGN_IN; API keys cannot do this", command.VariablePrefix)
	}
	text, err := os.ReadFile(p.File)
	if err != nil {
		return nil, fmt.Errorf("read who signs in: %w", err)
	}
	var who struct{ Email, Password string }
	if err := json.Unmarshal(text, &who); err != nil || who.Email == "" || who.Password == "" {
		return nil, command.Usage("--sign-in %s: want a JSON object with email and password", p.File)
	}
	server := strings.TrimRight(p.Server, "/")
	var flow struct {
		ID string `json:"id"`
	}
	if err := identity(ctx, http.MethodGet, server+"/identity/self-service/login/api", nil, &flow); err != nil {
		return nil, err
	}
	form := map[string]string{"method": "password", "identifier": who.Email, "password": who.Password}
	var answer struct {
		Token string `json:"session_token"`
	}
	if err := identity(ctx, http.MethodPost, server+"/identity/self-service/login?flow="+url.QueryEscape(flow.ID), form, &answer); err != nil {
		return nil, err
	}
	if answer.Token == "" {
		return nil, fmt.Errorf("sign in as %s: the server gave no session", who.Email)
	}
	return DialSession(server, answer.Token)
}

func identity(ctx context.Context, method, at string, form, answer any) error {
	body, err := json.Marshal(form)
	if err != nil {
		return fmt.Errorf("sign in: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, method, at, bytes.NewReader(body))
	if err != nil {
		return command.Usage("--server: %s", err)
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Content-Type", "application/json")
	res, err := newHTTP().Do(req)
	if err != nil {
		return Explain(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	switch {
	case err != nil:
		return Explain(err)
	case res.StatusCode == http.StatusBadRequest && method == http.MethodPost:
		return fmt.Errorf("sign in: the server does not know this address and password")
	case res.StatusCode != http.StatusOK:
		return fmt.Errorf("sign in: the server answers %s", res.Status)
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return fmt.Errorf("sign in: understand the answer: %w", err)
	}
	return nil
}
