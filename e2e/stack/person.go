package stack

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"testing"
	"time"

	"github.com/millwright-io/millwright/proto/gen/millwright/tenant/v1/tenantv1connect"
)

// Person is somebody signed in with a browser's session cookie.
type Person struct {
	Email    string
	Password string
	HTTP     *http.Client
	Tenants  tenantv1connect.TenantServiceClient
}

// SignUp registers a person with the browser flow of the identity server behind the console's origin.
func (s *Stack) SignUp(t testing.TB, email string) *Person {
	t.Helper()
	p := &Person{Email: email, Password: "correct-horse-" + fmt.Sprint(time.Now().UnixNano())}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	p.HTTP = &http.Client{Jar: jar, Timeout: 20 * time.Second}
	p.Tenants = tenantv1connect.NewTenantServiceClient(p.HTTP, s.Demo.ControlURL)
	var flow struct {
		UI struct {
			Action string
			Nodes  []struct{ Attributes struct{ Name, Value any } }
		}
	}
	s.call(t, p, http.MethodGet, s.Demo.ControlURL+"/identity/self-service/registration/browser", nil, &flow)
	form := map[string]any{"method": "password", "password": p.Password, "traits": map[string]string{"email": email}}
	for _, node := range flow.UI.Nodes {
		if node.Attributes.Name == "csrf_token" {
			form["csrf_token"] = node.Attributes.Value
		}
	}
	s.call(t, p, http.MethodPost, flow.UI.Action, form, nil)
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
