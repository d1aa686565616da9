package rpc

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"

	"github.com/millwright-io/millwright/deploy/internal/command"
	"github.com/millwright-io/millwright/deploy/internal/session"
	tenantv1 "github.com/millwright-io/millwright/proto/gen/millwright/tenant/v1"
)

// errNobody is that no session is kept for the server.
var errNobody = errors.New("nobody is signed in")

// Person says which installation, and who acts there.
type Person struct {
	Server string
	// File holds {"email": …, "password": …}, as DATA/demo.json does. Empty: whoever `millwright login` signed in.
	File string
	// Session is the file with those who signed in.
	Session string
}

// PersonFlags defines --server, --session and --sign-in.
func PersonFlags(fs *flag.FlagSet) *Person {
	p := SessionFlags(fs)
	fs.StringVar(&p.File, "sign-in", "", "`FILE` with {\"email\", \"password\"} of a person who signs in for this command, such as DATA/demo.json; keep it for your own eyes")
	return p
}

// SessionFlags defines --server and --session.
func SessionFlags(fs *flag.FlagSet) *Person {
	p := &Person{}
	serverFlag(fs, &p.Server)
	sessionFlag(fs, &p.Session)
	return p
}

// DialPerson returns a client of the person's session: that of the file, who signs in for it, or the kept one.
func DialPerson(ctx context.Context, p Person, e command.Env) (*Client, error) {
	if p.File != "" {
		return SignInFrom(ctx, p.Server, p.File)
	}
	client, err := dialKept(p.Server, p.Session, e)
	if errors.Is(err, errNobody) {
		return nil, command.Usage("nobody is signed in at %s: run `millwright login`, or name a file with {\"email\", \"password\"} by --sign-in or %sSIGN_IN; API keys cannot do this", p.Server, command.VariablePrefix)
	}
	return client, err
}

// dialKept returns a client of the session that is kept for a server, or an errNobody.
func dialKept(server, path string, e command.Env) (*Client, error) {
	store, err := session.Open(path, e.Getenv)
	if err != nil {
		return nil, err
	}
	s, ok, err := store.Find(server)
	switch {
	case err != nil:
		return nil, err
	case !ok:
		return nil, errNobody
	case !s.ExpiresAt.IsZero() && !e.Now().Before(s.ExpiresAt):
		return nil, errors.New(sessionHeader(server, "").unknown)
	}
	client, err := DialSession(server, s.Token)
	if err != nil {
		return nil, err
	}
	client.kept = store
	return client, nil
}

// SignInFrom signs in who a file names, as Person.File, and returns a client of the new session.
func SignInFrom(ctx context.Context, server, file string) (*Client, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read who signs in: %w", err)
	}
	var who struct{ Email, Password string }
	if err := json.Unmarshal(text, &who); err != nil || who.Email == "" || who.Password == "" {
		return nil, command.Usage("--sign-in %s: want a JSON object with email and password", file)
	}
	login, err := SignIn(ctx, server, who.Email, who.Password)
	if err != nil {
		return nil, err
	}
	if login.SecondMissing {
		return nil, fmt.Errorf("%s has a second factor, which no file can hold: run `millwright login` instead of --sign-in", who.Email)
	}
	return DialSession(server, login.Token)
}

// KeepTenant notes which tenant the session acts for now, where it is kept.
func (c *Client) KeepTenant(t *tenantv1.Tenant) error {
	if c.kept == nil {
		return nil
	}
	s, ok, err := c.kept.Find(c.server)
	if err != nil || !ok {
		return err
	}
	s.Tenant = &session.Tenant{ID: t.GetTenantId(), Slug: t.GetSlug(), Name: t.GetName()}
	return c.kept.Put(s)
}
