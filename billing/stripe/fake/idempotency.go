package fake

import (
	"net/http"
	"time"
)

// keyLife is how long a key is remembered.
const keyLife = 24 * time.Hour

// answer is what a request was answered with.
type answer struct {
	status   int
	body     []byte
	replayed bool
	// asked is what was asked for under the key, at is when.
	asked string
	at    time.Time
}

// idempotent answers a request once for each key: a repetition gets the first answer, another request under the key an error, and one that comes
// while the first is being answered a conflict.
func (s *Server) idempotent(r *http.Request, do func() answer) answer {
	key := r.Header.Get("Idempotency-Key")
	if key == "" || r.Method != http.MethodPost {
		return do()
	}
	asked := r.URL.Path + "?" + r.Form.Encode()
	if a, done := s.begin(key, asked); done {
		return a
	}
	a := do()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.busy, key)
	a.asked, a.at = asked, s.now()
	s.kept[key] = a
	return a
}

func (s *Server) begin(key, asked string) (answer, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy[key] {
		f := &failure{status: http.StatusConflict, kind: "idempotency_error", code: "idempotency_key_in_use", message: "There is currently another in-progress request using this Idempotent Key"}
		return answer{status: f.status, body: encode(f.body())}, true
	}
	a, ok := s.kept[key]
	if !ok || s.now().Sub(a.at) > keyLife {
		s.busy[key] = true
		return answer{}, false
	}
	if a.asked != asked {
		f := &failure{status: http.StatusBadRequest, kind: "idempotency_error", message: "Keys for idempotent requests can only be used with the same parameters they were first used with."}
		return answer{status: f.status, body: encode(f.body())}, true
	}
	a.replayed = true
	return a, true
}
