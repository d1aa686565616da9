package outbox_test

import (
	"io"
	"net/http"
	"strings"
)

// form sends a request to the stand-in as somebody would by hand.
func (s *stack) form(path, body string) {
	s.t.Helper()
	s.do(http.MethodPost, path, body)
}

func (s *stack) do(verb, path, body string) {
	s.t.Helper()
	status, answer := s.send(verb, s.stripe+path, body, map[string]string{"Authorization": "Bearer " + key, "Content-Type": "application/x-www-form-urlencoded"})
	if status != http.StatusOK {
		s.t.Fatalf("%s: %d %s", path, status, answer)
	}
}

func (s *stack) send(verb, url, body string, header map[string]string) (int, string) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), verb, url, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	for name, value := range header {
		req.Header.Set(name, value)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, _ := io.ReadAll(res.Body)
	return res.StatusCode, string(text)
}
