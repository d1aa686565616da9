package client

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"

	"github.com/millwright-io/millwright/deploy/internal/command"
	"github.com/millwright-io/millwright/deploy/internal/rpc"
	"github.com/millwright-io/millwright/deploy/internal/session"
	"github.com/millwright-io/millwright/deploy/internal/terminal"
	tenantv1 "github.com/millwright-io/millwright/proto/gen/millwright/tenant/v1"
)

const (
	// codeTries is how often a person at a terminal may mistype a code.
	codeTries = 3
	// maxPassword is more than the identity server takes.
	maxPassword = 1024
)

func loginCommands() []command.Command {
	return []command.Command{{
		Name: "login", Summary: "sign in as a person, for the commands that come after",
		Details: "Asks for what no flag gives: the e-mail address, the password and, when the account has a second factor, the code of the\n" +
			"authenticator app. The session is kept in a file for you alone, one a server; the password is not. Commands use an API key when\n" +
			"there is one, else this session. It ends after seven days, or by `millwright logout`.",
		Prepare: prepareLogin,
	}, {
		Name: "logout", Summary: "end the session of `millwright login` and forget it",
		Prepare: func(fs *flag.FlagSet) command.Run {
			person := rpc.SessionFlags(fs)
			return func(ctx context.Context, e command.Env, _ []string) error { return logout(ctx, e, *person) }
		},
	}, {
		Name: "whoami", Summary: "show who is signed in, and for which organisation",
		Prepare: func(fs *flag.FlagSet) command.Run {
			person, form := rpc.SessionFlags(fs), form(fs)
			return func(ctx context.Context, e command.Env, _ []string) error { return whoami(ctx, e, *person, *form) }
		},
	}}
}

// login is one use of the verb.
type login struct {
	person   *rpc.Person
	form     *string
	email    string
	fromIn   bool
	code     string
	env      command.Env
	terminal *terminal.Prompt
}

func prepareLogin(fs *flag.FlagSet) command.Run {
	l := &login{person: rpc.SessionFlags(fs), form: form(fs)}
	fs.StringVar(&l.email, "email", "", "who signs in; asked for when empty")
	fs.BoolVar(&l.fromIn, "password-stdin", false, "read the password from standard input")
	fs.StringVar(&l.code, "code", "", "the `code` of the authenticator app, for where there is no terminal to ask on")
	return func(ctx context.Context, e command.Env, _ []string) error {
		l.env = e
		l.terminal, _ = terminal.NewPrompt(e.In, e.Err)
		return l.run(ctx)
	}
}

func (l *login) run(ctx context.Context) error {
	inJSON, err := asJSON(*l.form)
	if err != nil {
		return err
	}
	store, err := session.Open(l.person.Session, l.env.Getenv)
	if err != nil {
		return err
	}
	before, had, err := store.Find(l.person.Server)
	if err != nil {
		return err
	}
	begun, err := l.begin(ctx)
	if err != nil {
		return err
	}
	if err := l.second(ctx, begun); err != nil {
		return errors.Join(err, begun.End(context.WithoutCancel(ctx)))
	}
	kept := session.Session{Server: l.person.Server, Email: begun.Email, Token: begun.Token, BegunAt: l.env.Now().UTC(), ExpiresAt: begun.ExpiresAt}
	if err := store.Put(kept); err != nil {
		return errors.Join(err, begun.End(context.WithoutCancel(ctx)))
	}
	if had { // its token is in no file any more
		_ = rpc.Kept(l.person.Server, before.Token).End(ctx)
	}
	return tell(ctx, l.env, *l.person, begun, inJSON)
}

// begin signs in with e-mail address and password.
func (l *login) begin(ctx context.Context) (*rpc.Login, error) {
	warnOfPlainText(l.env.Err, l.person.Server)
	var err error
	if l.email == "" {
		if l.terminal == nil {
			return nil, command.Usage("login: there is no terminal to ask on: give --email, and the password by --password-stdin")
		}
		if l.email, err = l.terminal.Line(ctx, "E-mail: "); err != nil {
			return nil, err
		}
	}
	password, err := l.password(ctx)
	if err != nil {
		return nil, err
	}
	return rpc.SignIn(ctx, l.person.Server, l.email, password)
}

func (l *login) password(ctx context.Context) (string, error) {
	if !l.fromIn {
		if l.terminal == nil {
			return "", command.Usage("login: there is no terminal to ask for the password on: give it by --password-stdin")
		}
		return l.terminal.Secret(ctx, "Password: ")
	}
	text, err := io.ReadAll(io.LimitReader(l.env.In, maxPassword+1))
	if err != nil {
		return "", fmt.Errorf("read the password: %w", err)
	}
	password := strings.TrimRight(string(text), "\r\n")
	if password == "" || len(password) > maxPassword {
		return "", command.Usage("login: standard input has %d bytes, want a password of 1 to %d", len(password), maxPassword)
	}
	return password, nil
}

// second gives the code of the second factor, if the account has one.
func (l *login) second(ctx context.Context, begun *rpc.Login) error {
	if !begun.SecondMissing {
		return nil
	}
	if l.code != "" {
		return begun.Second(ctx, l.code)
	}
	if l.terminal == nil {
		return command.Usage("login: %s has a second factor, and there is no terminal to ask on: give the code that the app shows now by --code", l.email)
	}
	var err error
	for range codeTries {
		var code string
		if code, err = l.terminal.Line(ctx, "Code of the authenticator app: "); err != nil {
			return err
		}
		if err = begun.Second(ctx, code); !errors.Is(err, rpc.ErrWrong) {
			return err
		}
		_, _ = fmt.Fprintln(l.env.Err, "That is not the code that the app shows now.")
	}
	return err
}

// warnOfPlainText speaks up before a password crosses a network unencrypted.
func warnOfPlainText(to io.Writer, server string) {
	u, err := url.Parse(server)
	if err != nil || u.Scheme != "http" || u.Hostname() == "localhost" {
		return
	}
	if ip := net.ParseIP(u.Hostname()); ip == nil || !ip.IsLoopback() {
		_, _ = fmt.Fprintf(to, "warning: %s is not encrypted: the password can be read on its way\n", server)
	}
}

func logout(ctx context.Context, e command.Env, person rpc.Person) error {
	store, err := session.Open(person.Session, e.Getenv)
	if err != nil {
		return err
	}
	kept, ok, err := store.Find(person.Server)
	if err != nil {
		return err
	}
	if !ok {
		_, err := fmt.Fprintf(e.Out, "nobody was signed in at %s\n", person.Server)
		return err
	}
	if err := rpc.Kept(person.Server, kept.Token).End(ctx); err != nil {
		return fmt.Errorf("%w; the session has not ended there, and %s still holds it", err, store.Path())
	}
	if err := store.Remove(person.Server); err != nil {
		return err
	}
	_, err = fmt.Fprintf(e.Out, "%s is signed out of %s\n", kept.Email, person.Server)
	return err
}

func whoami(ctx context.Context, e command.Env, person rpc.Person, form string) error {
	inJSON, err := asJSON(form)
	if err != nil {
		return err
	}
	store, err := session.Open(person.Session, e.Getenv)
	if err != nil {
		return err
	}
	kept, ok, err := store.Find(person.Server)
	if err != nil {
		return err
	}
	if !ok {
		return command.Usage("nobody is signed in at %s: run `millwright login`", person.Server)
	}
	now := rpc.Kept(person.Server, kept.Token)
	if err := now.Look(ctx); err != nil {
		return err
	}
	if now.SecondMissing {
		return errors.New("the account has got a second factor since: run `millwright login` again")
	}
	return tell(ctx, e, person, now, inJSON)
}

// tell says who is signed in and which organisation is current, notes that, and says what is still to do.
func tell(ctx context.Context, e command.Env, person rpc.Person, who *rpc.Login, inJSON bool) error {
	client, err := rpc.DialPerson(ctx, person, e)
	if err != nil {
		return err
	}
	mine, err := client.Tenants.List(ctx, &tenantv1.ListRequest{})
	if err != nil {
		return rpc.Explain(err)
	}
	var current *tenantv1.Membership
	for _, m := range mine.GetMemberships() {
		if m.GetCurrent() {
			current = m
		}
	}
	if current != nil {
		if err := client.KeepTenant(current.GetTenant()); err != nil {
			return err
		}
	}
	advise(e.Err, person.Server, current, len(mine.GetMemberships()))
	return printWho(e.Out, person.Server, who, current, inJSON)
}

// advise says what keeps the person from acting.
func advise(to io.Writer, server string, current *tenantv1.Membership, memberships int) {
	switch {
	case memberships == 0:
		_, _ = fmt.Fprintln(to, "You are a member of no organisation: found one with `millwright tenant create NAME`, or accept an invitation.")
	case current == nil:
		_, _ = fmt.Fprintln(to, "No organisation is chosen: choose one with `millwright tenant switch SLUG`; `millwright tenant list` shows them.")
	case current.GetSecondFactorMissing():
		_, _ = fmt.Fprintf(to, "%s requires a second factor, which your account has not: set one up at %s/account, then run `millwright login` again.\n",
			current.GetTenant().GetName(), strings.TrimRight(server, "/"))
	}
}
