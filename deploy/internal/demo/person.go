package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
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

// submit begins a flow and sends its form.
func (d *Demo) submit(ctx context.Context, kind string, form map[string]any) (token string, err error) {
	base := d.cfg.ControlURL + "/identity/self-service/" + kind
	var flow struct {
		ID string `json:"id"`
	}
	if err := d.call(ctx, http.MethodGet, base+"/api", nil, &flow); err != nil {
		return "", err
	}
	var answer struct {
		SessionToken string `json:"session_token"`
	}
	if err := d.call(ctx, http.MethodPost, base+"?flow="+url.QueryEscape(flow.ID), form, &answer); err != nil {
		return "", err
	}
	if answer.SessionToken == "" {
		return "", fmt.Errorf("%s gave no session", kind)
	}
	return answer.SessionToken, nil
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
