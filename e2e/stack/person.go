package stack

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/millwright-io/millwright/proto/gen/millwright/key/v1/keyv1connect"
	memberv1 "github.com/millwright-io/millwright/proto/gen/millwright/member/v1"
	"github.com/millwright-io/millwright/proto/gen/millwright/member/v1/memberv1connect"
	tenantv1 "github.com/millwright-io/millwright/proto/gen/millwright/tenant/v1"
	"github.com/millwright-io/millwright/proto/gen/millwright/tenant/v1/tenantv1connect"
)

// Person is somebody signed in with a browser's session cookie.
type Person struct {
	Email    string
	Password string
	HTTP     *http.Client
	Tenants  tenantv1connect.TenantServiceClient
	Keys     keyv1connect.KeyServiceClient
}

// form is a flow of the identity server.
type form struct {
	UI struct {
		Action string
		Nodes  []struct {
			Attributes struct {
				Name, Value any
				ID          string
				Text        struct{ Text string }
			}
		}
	}
	ContinueWith []struct {
		Action string
		Flow   struct{ ID string }
	} `json:"continue_with"`
}

// verification is the flow that the identity server began by itself for a new address.
func (f form) verification() (flow string, ok bool) {
	for _, next := range f.ContinueWith {
		if next.Action == "show_verification_ui" {
			return next.Flow.ID, true
		}
	}
	return "", false
}

// with is the form filled in.
func (f form) with(fields map[string]any) map[string]any {
	for _, node := range f.UI.Nodes {
		if node.Attributes.Name == "csrf_token" {
			fields["csrf_token"] = node.Attributes.Value
		}
	}
	return fields
}

var sixDigits = regexp.MustCompile(`\b[0-9]{6}\b`)

// verify gives the code back that the identity server sent.
func (s *Stack) verify(t testing.TB, p *Person, flow string) {
	t.Helper()
	var digits string
	Eventually(t, 30*time.Second, "the e-mail with the code", func() error {
		for _, text := range s.Mails(t, p.Email) {
			if strings.Contains(text, flow) {
				digits = sixDigits.FindString(text)
				return nil
			}
		}
		return errors.New("it did not come")
	})
	var f form
	s.call(t, p, http.MethodGet, s.Demo.ControlURL+"/identity/self-service/verification/flows?id="+flow, nil, &f)
	s.call(t, p, http.MethodPost, f.UI.Action, f.with(map[string]any{"method": "code", "code": digits}), nil)
}

// Mails are the texts of the e-mails to an address, newest first.
func (s *Stack) Mails(t testing.TB, to string) (texts []string) {
	t.Helper()
	var answer struct{ Messages []struct{ Text string } }
	s.call(t, &Person{HTTP: http.DefaultClient}, http.MethodGet, s.Demo.ControlURL+"/mailbox/messages?to="+url.QueryEscape(to), nil, &answer)
	for _, m := range answer.Messages {
		texts = append(texts, m.Text)
	}
	return texts
}

// SignUp registers a person with the browser flow of the identity server behind the console's origin, and verifies their
// address.
func (s *Stack) SignUp(t testing.TB, email string) *Person {
	t.Helper()
	p := &Person{Email: email, Password: "correct-horse-" + fmt.Sprint(time.Now().UnixNano())}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	p.HTTP = &http.Client{Jar: jar, Timeout: 20 * time.Second}
	p.Tenants = tenantv1connect.NewTenantServiceClient(p.HTTP, s.Demo.ControlURL)
	p.Keys = keyv1connect.NewKeyServiceClient(p.HTTP, s.Demo.ControlURL)
	var flow, done form
	s.call(t, p, http.MethodGet, s.Demo.ControlURL+"/identity/self-service/registration/browser", nil, &flow)
	s.call(t, p, http.MethodPost, flow.UI.Action, flow.with(map[string]any{
		"method": "password", "password": p.Password, "traits": map[string]string{"email": email},
	}), &done)
	verification, ok := done.verification()
	if !ok {
		t.Fatalf("signing %s up began no verification", email)
	}
	s.verify(t, p, verification)
	return p
}

var invitation = regexp.MustCompile(`/invitation#([^\s]+)`)

// Join signs a person up and has them accept an invitation to the demo's organisation.
func (s *Stack) Join(t testing.TB, email string, role tenantv1.Role) *Person {
	t.Helper()
	if _, err := s.Members(s.Demo.APIKey).Invite(context.Background(), &memberv1.InviteRequest{Email: email, Role: role}); err != nil {
		t.Fatalf("invite %s: %v", email, err)
	}
	p := s.SignUp(t, email)
	var token string
	Eventually(t, 30*time.Second, "the e-mail with the invitation", func() error {
		for _, text := range s.Mails(t, email) {
			if found := invitation.FindStringSubmatch(text); found != nil {
				token = found[1]
				return nil
			}
		}
		return errors.New("it did not come")
	})
	members := memberv1connect.NewMemberServiceClient(p.HTTP, s.Demo.ControlURL)
	if _, err := members.AcceptInvitation(context.Background(), &memberv1.AcceptInvitationRequest{Token: token}); err != nil {
		t.Fatalf("%s accepts: %v", email, err)
	}
	return p
}

func (s *Stack) call(t testing.TB, p *Person, method, url string, body, answer any) {
	t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(context.Background(), method, url, bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Content-Type", "application/json")
	res, err := p.HTTP.Do(req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, url, err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err = io.ReadAll(res.Body)
	if err != nil || res.StatusCode >= http.StatusBadRequest {
		t.Fatalf("%s %s: %s: %v\n%s", method, url, res.Status, err, b)
	}
	if answer == nil {
		return
	}
	if err := json.Unmarshal(b, answer); err != nil {
		t.Fatalf("%s %s: %v\n%s", method, url, err, b)
	}
}
