package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// session returns a session token for the demo's person, signing up the first time. Both go through the identity
// server's public flows for programs, behind the control plane.
func (d *Demo) session(ctx context.Context) (string, error) {
	token, signUpErr := d.submit(ctx, "registration", map[string]any{
		"method": "password", "password": d.cfg.Password, "traits": map[string]string{"email": Email, "name": "Demo"},
	})
	if signUpErr == nil {
		return token, nil
	}
	token, err := d.submit(ctx, "login", map[string]any{"method": "password", "identifier": Email, "password": d.cfg.Password})
	if err != nil {
		return "", fmt.Errorf("sign in as %s: %w (signing up: %w)", Email, err, signUpErr)
	}
	return token, nil
}

// codeWithin is how long the identity server may take to send an e-mail.
const codeWithin = 30 * time.Second

var code = regexp.MustCompile(`\b[0-9]{6}\b`)

// verify asks for an e-mail with a code and gives the code back.
func (d *Demo) verify(ctx context.Context) error {
	flow, err := d.begin(ctx, "verification")
	if err != nil {
		return err
	}
	if err := d.send(ctx, "verification", flow, map[string]any{"method": "code", "email": Email}, &struct{}{}); err != nil {
		return err
	}
	return until(ctx, codeWithin, "no e-mail with a good code came", func(ctx context.Context) error {
		list, err := d.cfg.Mailbox.Messages(Email)
		if err != nil {
			return err
		}
		for _, m := range list {
			if digits := code.FindString(m.Text); digits != "" && strings.Contains(m.Text, flow) {
				return d.send(ctx, "verification", flow, map[string]any{"method": "code", "code": digits}, &struct{}{})
			}
		}
		return errors.New("the mailbox has none")
	})
}

// submit begins a flow and sends its form.
func (d *Demo) submit(ctx context.Context, kind string, form map[string]any) (token string, err error) {
	flow, err := d.begin(ctx, kind)
	if err != nil {
		return "", err
	}
	var answer struct {
		SessionToken string `json:"session_token"`
	}
	if err := d.send(ctx, kind, flow, form, &answer); err != nil {
		return "", err
	}
	if answer.SessionToken == "" {
		return "", fmt.Errorf("%s gave no session", kind)
	}
	return answer.SessionToken, nil
}

func (d *Demo) begin(ctx context.Context, kind string) (flow string, err error) {
	var answer struct {
		ID string `json:"id"`
	}
	err = d.call(ctx, http.MethodGet, d.cfg.ControlURL+"/identity/self-service/"+kind+"/api", nil, &answer)
	return answer.ID, err
}

func (d *Demo) send(ctx context.Context, kind, flow string, form map[string]any, answer any) error {
	return d.call(ctx, http.MethodPost, d.cfg.ControlURL+"/identity/self-service/"+kind+"?flow="+url.QueryEscape(flow), form, answer)
}

func (d *Demo) call(ctx context.Context, method, url string, body, answer any) error {
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("encode the form: %w", err)
		}
		content = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, url, content)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Content-Type", "application/json")
	res, err := d.http.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return fmt.Errorf("read the answer of %s: %w", req.URL.Path, err)
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s%s", req.URL.Path, res.Status, reasons(text))
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return fmt.Errorf("understand the answer of %s: %w", req.URL.Path, err)
	}
	return nil
}

// reasons picks the messages for people out of a refused form. The form itself may hold what was typed.
func reasons(answer []byte) string {
	type message struct {
		Text string `json:"text"`
	}
	var flow struct {
		UI struct {
			Messages []message `json:"messages"`
			Nodes    []struct {
				Messages []message `json:"messages"`
			} `json:"nodes"`
		} `json:"ui"`
	}
	if json.Unmarshal(answer, &flow) != nil {
		return ""
	}
	var texts []string
	for _, m := range flow.UI.Messages {
		texts = append(texts, m.Text)
	}
	for _, n := range flow.UI.Nodes {
		for _, m := range n.Messages {
			texts = append(texts, m.Text)
		}
	}
	if len(texts) == 0 {
		return ""
	}
	return ": " + strings.Join(texts, "; ")
}
