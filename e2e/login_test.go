package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/millwright-io/millwright/e2e/stack"
	devicev1 "github.com/millwright-io/millwright/proto/gen/millwright/device/v1"
	"github.com/millwright-io/millwright/proto/gen/millwright/device/v1/devicev1connect"
	tenantv1 "github.com/millwright-io/millwright/proto/gen/millwright/tenant/v1"
	"github.com/millwright-io/millwright/proto/gen/millwright/tenant/v1/tenantv1connect"
)

// workSignedIn is a person's day at the command line: no API key, a session that `login` keeps, two organisations, a second
// factor that one of them comes to require, and a colleague who has none at first.
func workSignedIn(t *testing.T, s *stack.Stack) {
	lena := s.SignUp(t, "lena@example.com")
	shell := s.Shell(filepath.Join(t.TempDir(), "mill", "session.json"))
	signInByTerminal(t, shell, lena)
	foundAndSwitch(t, shell)
	secret := s.SetSecondFactor(t, lena)
	signInWithCode(t, shell, lena, secret)
	requireSecondFactor(t, s, shell)
	signOut(t, shell)
}

// expect ends the test when a verb did not end with that code and those words.
func expect(t *testing.T, out string, code, want int, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(out, w) {
			t.Fatalf("it does not say %q:\n%s", w, out)
		}
	}
	if code != want {
		t.Fatalf("exit %d, want %d:\n%s", code, want, out)
	}
}

func signInByTerminal(t *testing.T, shell *stack.Shell, p *stack.Person) {
	out, code := shell.Command("", "tenant", "list")
	expect(t, out, code, 2, "nobody is signed in", "millwright login")
	out, code = shell.Command("", "device", "list")
	expect(t, out, code, 2, "no API key", "millwright login")
	out, code = shell.Command("", "login")
	expect(t, out, code, 2, "no terminal", "--password-stdin")
	out, code = shell.Command("wrong\n", "login", "--email", p.Email, "--password-stdin")
	expect(t, out, code, 1, "does not know this address with this password")
	if _, err := os.Stat(shell.Session); err == nil {
		t.Error("a refused sign-in left a session")
	}
	terminal := shell.Terminal(t, "login")
	terminal.Answer(t, "E-mail: ", p.Email, false)
	terminal.Answer(t, "Password: ", p.Password, true)
	out, code = terminal.Wait(t)
	expect(t, out, code, 0, p.Email, "member of no organisation")
	if strings.Contains(out, p.Password) {
		t.Error("the password was to be seen")
	}
	text, err := os.ReadFile(shell.Session)
	if err != nil || strings.Contains(string(text), p.Password) || !strings.Contains(string(text), p.Email) {
		t.Errorf("the file: %v\n%s", err, text)
	}
	if info, err := os.Stat(shell.Session); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file is %v, %v", info, err)
	}
}

func foundAndSwitch(t *testing.T, shell *stack.Shell) {
	shell.Run(t, "tenant", "create", "Lena works", "--plan", "free")
	shell.Run(t, "tenant", "create", "Lena second", "--plan", "free")
	if out := shell.Run(t, "whoami"); !strings.Contains(out, "Lena second (lena-second), as owner") {
		t.Errorf("after founding:\n%s", out)
	}
	shell.Run(t, "tenant", "switch", "lena-works")
	if out := shell.Run(t, "tenant", "list"); !regexp.MustCompile(`(?m)^\* +lena-works `).MatchString(out) || !strings.Contains(out, "lena-second") {
		t.Errorf("the list:\n%s", out)
	}
	if text, err := os.ReadFile(shell.Session); err != nil || !strings.Contains(string(text), `"slug": "lena-works"`) {
		t.Errorf("the file: %v\n%s", err, text)
	}
	out, code := shell.Command("", "tenant", "switch", "acme-manufacturing")
	expect(t, out, code, 1, "member of no organisation acme-manufacturing")
	shell.Run(t, "device", "create", "press_1", "--type", "press", "--out", filepath.Join(t.TempDir(), "press_1"))
	// The cell takes no session: the command asks for a token.
	stack.Eventually(t, 60*time.Second, "the cell serves the session", func() error {
		if out, code := shell.Command("", "telemetry", "latest"); code != 0 {
			return fmt.Errorf("exit %d: %s", code, out)
		}
		return nil
	})
	out, code = shell.Command("", "flag", "list")
	expect(t, out, code, 1, "for operators of the installation")
	out, code = shell.Command("", "tenant", "second-factor", "required")
	expect(t, out, code, 1, "account page", "lock yourself out")
}

func signInWithCode(t *testing.T, shell *stack.Shell, p *stack.Person, secret string) {
	out, code := shell.Command(p.Password, "login", "--email", p.Email, "--password-stdin")
	expect(t, out, code, 2, "has a second factor", "--code")
	out, code = shell.Command(p.Password, "login", "--email", p.Email, "--password-stdin", "--code", "000000")
	expect(t, out, code, 1, "the code is not the one")
	terminal := shell.Terminal(t, "login", "--email", p.Email)
	terminal.Answer(t, "Password: ", p.Password, true)
	terminal.Answer(t, "Code of the authenticator app: ", "000000", false)
	terminal.Answer(t, "Code of the authenticator app: ", stack.Code(t, secret), false)
	out, code = terminal.Wait(t)
	expect(t, out, code, 0, "That is not the code")
	if out := shell.Run(t, "whoami"); !regexp.MustCompile(`second factor +yes`).MatchString(out) {
		t.Errorf("signed in with a code:\n%s", out)
	}
	shell.Run(t, "tenant", "switch", "lena-works") // a new session begins with the organisation that the person had first
}

var invitationLink = regexp.MustCompile(`\S+/invitation#\S+`)

// requireSecondFactor has the organisation require one: a member without it is told what to do, and is served once they did.
func requireSecondFactor(t *testing.T, s *stack.Stack, owner *stack.Shell) {
	mo := s.SignUp(t, "mo@example.com")
	theirs := s.Shell(filepath.Join(t.TempDir(), "session.json"))
	signIn := []string{"login", "--email", mo.Email, "--password-stdin"}
	if out, code := theirs.Command(mo.Password, signIn...); code != 0 {
		t.Fatalf("exit %d\n%s", code, out)
	}
	owner.Run(t, "member", "invite", mo.Email, "--role", "viewer")
	var link string
	stack.Eventually(t, 30*time.Second, "the invitation", func() error {
		for _, text := range s.Mails(t, mo.Email) {
			if link = invitationLink.FindString(text); link != "" {
				return nil
			}
		}
		return errors.New("no e-mail has it")
	})
	theirs.Run(t, "member", "accept", link)
	theirs.Run(t, "device", "list")

	owner.Run(t, "tenant", "second-factor", "required")
	out, code := theirs.Command("", "device", "list")
	expect(t, out, code, 1, "requires a second factor", "account page", "sign in with it")
	out, code = theirs.Command(mo.Password, signIn...)
	expect(t, out, code, 0, "Lena works requires a second factor", s.Demo.ControlURL+"/account", "millwright login")
	if out := theirs.Run(t, "whoami", "-o", "json"); !strings.Contains(out, `"second_factor_missing": true`) {
		t.Errorf("whoami:\n%s", out)
	}
	devices := devicev1connect.NewDeviceServiceClient(mo.HTTP, s.Demo.ControlURL)
	switchTo(t, mo.Tenants, "lena-works")
	_, err := devices.List(context.Background(), &devicev1.ListRequest{})
	if connect.CodeOf(err) != connect.CodePermissionDenied || !strings.Contains(err.Error(), "requires a second factor") {
		t.Errorf("the API: %v", err)
	}

	secret := s.SetSecondFactor(t, mo)
	if _, err := devices.List(context.Background(), &devicev1.ListRequest{}); err != nil {
		t.Errorf("the API, with it: %v", err)
	}
	terminal := theirs.Terminal(t, signIn[:3]...)
	terminal.Answer(t, "Password: ", mo.Password, true)
	terminal.Answer(t, "Code of the authenticator app: ", stack.Code(t, secret), false)
	out, code = terminal.Wait(t)
	expect(t, out, code, 0, "lena-works")
	if out := theirs.Run(t, "device", "list"); !strings.Contains(out, "press_1") {
		t.Errorf("with it:\n%s", out)
	}
	owner.Run(t, "tenant", "second-factor", "optional")
}

func switchTo(t *testing.T, tenants tenantv1connect.TenantServiceClient, slug string) {
	t.Helper()
	ctx := context.Background()
	mine, err := tenants.List(ctx, &tenantv1.ListRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mine.GetMemberships() {
		if m.GetTenant().GetSlug() == slug {
			if _, err := tenants.Switch(ctx, &tenantv1.SwitchRequest{TenantId: m.GetTenant().GetTenantId()}); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// signOut tests that a session is good for nothing afterwards, for nobody who has it.
func signOut(t *testing.T, shell *stack.Shell) {
	text, err := os.ReadFile(shell.Session)
	if err != nil {
		t.Fatal(err)
	}
	if out := shell.Run(t, "logout"); !strings.Contains(out, "signed out") {
		t.Error(out)
	}
	out, code := shell.Command("", "device", "list")
	expect(t, out, code, 2, "nobody is signed in")
	if err := os.WriteFile(shell.Session, text, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, verb := range [][]string{{"device", "list"}, {"tenant", "list"}, {"audit", "export"}, {"telemetry", "latest"}, {"whoami"}} {
		out, code := shell.Command("", verb...)
		expect(t, out, code, 1, "not good any more", "millwright login")
	}
	shell.Run(t, "logout") // what has ended already is no failure
}

// operate is what an operator of the installation does by the command line.
func operate(t *testing.T, s *stack.Stack) {
	shell := s.Shell(filepath.Join(t.TempDir(), "session.json"))
	if out, code := shell.Command(s.Demo.Password, "login", "--email", s.Demo.Email, "--password-stdin"); code != 0 {
		t.Fatalf("exit %d\n%s", code, out)
	}
	if out := shell.Run(t, "tenant", "find", "acme"); !strings.Contains(out, s.Demo.TenantID) {
		t.Errorf("the tenants:\n%s", out)
	}
	shell.Run(t, "flag", "set", "new_charts", "--percent", "0", "--description", "charts of the next release")
	shell.Run(t, "flag", "set", "new_charts", "--tenants", s.Demo.TenantID)
	if out := shell.Run(t, "flag", "list"); !strings.Contains(out, s.Demo.TenantID) || !strings.Contains(out, "charts of the next release") {
		t.Errorf("the flag:\n%s", out)
	}
	if out := shell.Run(t, "notice", "list"); !strings.Contains(out, "new_charts") {
		t.Errorf("the notices:\n%s", out)
	}
	shell.Run(t, "flag", "remove", "new_charts")
	made := shell.Run(t, "announcement", "create", "maintenance at noon", "--severity", "warning", "--ends-in", "1h", "-o", "json")
	id := regexp.MustCompile(`"announcement_id":\s+"(\w+)"`).FindStringSubmatch(made)
	if id == nil {
		t.Fatalf("the announcement:\n%s", made)
	}
	if out := shell.Run(t, "announcement", "list"); !strings.Contains(out, "maintenance at noon") {
		t.Errorf("the announcements:\n%s", out)
	}
	shell.Run(t, "announcement", "withdraw", id[1])
	shell.Run(t, "cell", "list")
	shell.Run(t, "logout")
}
