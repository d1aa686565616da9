package fake

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// fault is what is to happen to the next requests of a kind.
type fault struct {
	// Request begins as METHOD /path, e.g. POST /v1/invoices.
	Request string `json:"request"`
	// Exact: no longer path counts.
	Exact bool `json:"exact"`
	// Mode is refuse (503, nothing is done), error (500, remembered under the key) or accept (it is done, and the connection ends).
	Mode string `json:"mode"`
	// Times is how often; 0: once.
	Times int `json:"times"`
}

// fault takes the first fault that is meant for a request.
func (s *Server) fault(request string) fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.faults {
		f := &s.faults[i]
		if f.Times > 0 && (request == f.Request || (!f.Exact && strings.HasPrefix(request, f.Request))) {
			f.Times--
			return *f
		}
	}
	return fault{}
}

// hooks are what tests tell the stand-in.
func (s *Server) hooks() {
	hook(s, "POST /_test/fault", func(f fault) (any, *failure) {
		f.Times = max(f.Times, 1)
		s.faults = append(s.faults, f)
		return f, nil
	})
	hook(s, "POST /_test/decline", func(q struct {
		Customer string `json:"customer"`
		Times    int    `json:"times"`
	},
	) (any, *failure) {
		s.decline[q.Customer] = q.Times
		return q, nil
	})
	hook(s, "POST /_test/card", func(q struct {
		Customer string `json:"customer"`
		Last4    string `json:"last4"`
	},
	) (any, *failure) {
		o, f := s.enterCard(q.Customer, q.Last4)
		return o, f
	})
	hook(s, "POST /_test/webhooks", func(d delivery) (any, *failure) {
		s.post.direct(d)
		return d, nil
	})
	hook(s, "POST /_test/advance", func(q struct {
		Seconds int64 `json:"seconds"`
	},
	) (any, *failure) {
		s.offset += time.Duration(q.Seconds) * time.Second
		s.retryDue()
		return q, nil
	})
	hook(s, "POST /_test/state", func(struct{}) (any, *failure) { return s.state(), nil })
}

// State is what there is, for tests.
type State struct {
	Customers []object         `json:"customers"`
	Invoices  []object         `json:"invoices"`
	Charges   []object         `json:"charges"`
	Meters    map[string]int64 `json:"meters"`
	// Answers are the answers to webhooks by status; Waiting is how many events are not delivered.
	Answers map[int]int `json:"answers"`
	Waiting int         `json:"waiting"`
}

func (s *Server) state() State {
	st := State{Meters: s.meters, Answers: map[int]int{}}
	for _, id := range s.order {
		switch o := s.objects[id]; o.text("object") {
		case "customer":
			st.Customers = append(st.Customers, o)
		case "invoice":
			st.Invoices = append(st.Invoices, o)
		case "charge":
			st.Charges = append(st.Charges, o)
		}
	}
	s.post.mu.Lock()
	defer s.post.mu.Unlock()
	for status, n := range s.post.answers {
		st.Answers[status] = n
	}
	st.Waiting = len(s.post.queue) + len(s.post.held)
	return st
}

// hook answers a JSON question of a test.
func hook[Q any](s *Server, pattern string, do func(Q) (any, *failure)) {
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		var q Q
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&q); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		out, f := do(q)
		if f != nil {
			http.Error(w, f.message, f.status)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(out)
	})
}
