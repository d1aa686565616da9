package stripe_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

func replaceIDs(text, customer, invoice string) string {
	return strings.NewReplacer("CUSTOMER", customer, "INVOICE", invoice).Replace(text)
}

// ask sends a form as Stripe's clients do, and returns the answer.
func ask(t *testing.T, base, what, form string) (int, map[string]any) {
	t.Helper()
	verb, path, _ := strings.Cut(what, " ")
	var body io.Reader
	if verb == http.MethodGet {
		path += "?" + form
	} else {
		body = strings.NewReader(form)
	}
	req, err := http.NewRequestWithContext(t.Context(), verb, base+path, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+testKey)
	if body != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	answer := map[string]any{}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	return res.StatusCode, answer
}

// free are fields in which anything may be.
var free = map[string]bool{".metadata": true, ".payload": true, ".data.metadata": true}

// differences says what of a value is not as in the example.
func differences(path string, value, example any) (wrong []string) {
	if value == nil || example == nil || free[path] {
		return nil
	}
	if fmt.Sprintf("%T", value) != fmt.Sprintf("%T", example) {
		return []string{fmt.Sprintf("%s is a %T, Stripe has a %T", path, value, example)}
	}
	switch v := value.(type) {
	case map[string]any:
		e, _ := example.(map[string]any)
		for name, inner := range v {
			other, ok := e[name]
			if !ok {
				wrong = append(wrong, fmt.Sprintf("%s.%s is nothing that Stripe has", path, name))
				continue
			}
			wrong = append(wrong, differences(path+"."+name, inner, other)...)
		}
	case []any:
		e, _ := example.([]any)
		if len(v) > 0 && len(e) > 0 {
			wrong = differences(path, v[0], e[0])
		}
	}
	return wrong
}
