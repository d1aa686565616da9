// Package fake is a stand-in for Stripe that remembers: it speaks Stripe's protocol for what Millwright asks for, charges cards that are none,
// and tells of it by signed webhooks. It can be told to refuse the next payment, to take a request and not answer, to deliver events twice, late or
// the wrong way round, and what time it is. Tests and the command stripe-fake import it; the product does not.
package fake

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sort"
	"strings"
	"sync"
	"time"
)

// object is one object of Stripe's as it is written.
type object map[string]any

func (o object) text(name string) string { s, _ := o[name].(string); return s }

func (o object) number(name string) int64 { n, _ := o[name].(int64); return n }

// Server is the stand-in. It is an http.Handler.
type Server struct {
	// KeyWanted is the secret key that requests must bear.
	key  string
	mux  *http.ServeMux
	post *courier

	mu      sync.Mutex
	offset  time.Duration
	serial  int
	objects map[string]object
	order   []string
	kept    map[string]answer
	busy    map[string]bool
	faults  []fault
	decline map[string]int
	meters  map[string]int64
	seen    map[string]time.Time
}

// New returns a stand-in that wants this secret key.
func New(key string) *Server {
	s := &Server{
		key: key, mux: http.NewServeMux(), objects: map[string]object{}, kept: map[string]answer{}, busy: map[string]bool{}, decline: map[string]int{},
		meters: map[string]int64{}, seen: map[string]time.Time{}, post: newCourier(),
	}
	s.routes()
	return s
}

// Close ends the delivery of events.
func (s *Server) Close() { s.post.close() }

func (s *Server) routes() {
	s.api("POST /v1/customers", s.createCustomer)
	s.api("GET /v1/customers/search", s.searchCustomers)
	s.api("GET /v1/customers/{id}", s.getCustomer)
	s.api("POST /v1/customers/{id}", s.updateCustomer)
	s.api("GET /v1/payment_methods", s.listMethods)
	s.api("POST /v1/invoices", s.createInvoice)
	s.api("GET /v1/invoices", s.listInvoices)
	s.api("GET /v1/invoices/{id}", s.getInvoice)
	s.api("POST /v1/invoices/{id}/finalize", s.finalizeInvoice)
	s.api("POST /v1/invoices/{id}/pay", s.payInvoice)
	s.api("POST /v1/invoices/{id}/void", s.voidInvoice)
	s.api("DELETE /v1/invoices/{id}", s.deleteInvoice)
	s.api("POST /v1/invoiceitems", s.createItem)
	s.api("GET /v1/invoiceitems", s.listItems)
	s.api("GET /v1/charges", s.listCharges)
	s.api("POST /v1/checkout/sessions", s.createCheckout)
	s.api("POST /v1/billing_portal/sessions", s.createPortal)
	s.api("POST /v1/billing/meters", s.createMeter)
	s.api("GET /v1/billing/meters", s.listMeters)
	s.api("POST /v1/billing/meter_events", s.createMeterEvent)
	s.hooks()
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// failure is an error in Stripe's shape.
type failure struct {
	status  int
	kind    string
	code    string
	message string
	param   string
}

func invalid(param, format string, args ...any) *failure {
	return &failure{status: http.StatusBadRequest, kind: "invalid_request_error", param: param, message: fmt.Sprintf(format, args...)}
}

func gone(what, id string) *failure {
	return &failure{status: http.StatusNotFound, kind: "invalid_request_error", code: "resource_missing", param: "id", message: "No such " + what + ": '" + id + "'"}
}

func (f *failure) body() object {
	e := object{"type": f.kind, "message": f.message}
	for name, text := range map[string]string{"code": f.code, "param": f.param} {
		if text != "" {
			e[name] = text
		}
	}
	return object{"error": e}
}

// call is a request that is being answered; the server is locked.
type call struct {
	id   string
	form form
}

// api answers a path as Stripe does: key, parameters, idempotency, faults that were asked for.
func (s *Server) api(pattern string, answerTo func(c call) (object, *failure)) {
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		if !s.authorized(r) {
			write(w, answer{status: http.StatusUnauthorized, body: encode((&failure{kind: "invalid_request_error", message: "Invalid API Key provided"}).body())})
			return
		}
		if err := r.ParseForm(); err != nil {
			write(w, answer{status: http.StatusBadRequest, body: encode(invalid("", "the form cannot be read").body())})
			return
		}
		fault := s.fault(r.Method + " " + r.URL.Path)
		if fault.Mode == "refuse" {
			write(w, answer{status: http.StatusServiceUnavailable, body: encode((&failure{kind: "api_error", message: "try again"}).body())})
			return
		}
		a := s.idempotent(r, func() answer {
			s.mu.Lock()
			defer s.mu.Unlock()
			if fault.Mode == "error" { // it is remembered under the key, as Stripe does
				return answer{status: http.StatusInternalServerError, body: encode((&failure{kind: "api_error", message: "an error of ours"}).body())}
			}
			o, f := answerTo(call{id: r.PathValue("id"), form: parse(r.Form)})
			if f != nil {
				return answer{status: f.status, body: encode(f.body())}
			}
			return answer{status: http.StatusOK, body: encode(s.expanded(o, r.Form["expand[]"], r.Form["expand[0]"]))}
		})
		if fault.Mode == "accept" { // taken, and the connection is gone
			drop(w)
			return
		}
		write(w, a)
	})
}

func (s *Server) authorized(r *http.Request) bool {
	user, _, basic := r.BasicAuth()
	return r.Header.Get("Authorization") == "Bearer "+s.key || (basic && user == s.key)
}

// expanded is an object with references replaced by what they refer to.
func (s *Server) expanded(o object, lists ...[]string) object {
	out := object{}
	for name, value := range o {
		out[name] = value
	}
	for _, list := range lists {
		for _, path := range list {
			s.expand(out, strings.Split(path, "."))
		}
	}
	return out
}

func (s *Server) expand(o object, path []string) {
	if inner, ok := o[path[0]].(object); ok && len(path) > 1 {
		inner = s.expanded(inner)
		s.expand(inner, path[1:])
		o[path[0]] = inner
		return
	}
	if id, ok := o[path[0]].(string); ok && s.objects[id] != nil {
		o[path[0]] = s.objects[id]
	}
}

func (s *Server) now() time.Time { return time.Now().Add(s.offset) }

// put keeps a new object.
func (s *Server) put(prefix, kind string, o object) object {
	s.serial++
	id := fmt.Sprintf("%s_fake%06d", prefix, s.serial)
	o["id"], o["object"], o["created"], o["livemode"] = id, kind, s.now().Unix(), false
	s.objects[id] = o
	s.order = append(s.order, id)
	return o
}

// list returns objects of a kind that match, newest first, as a page of Stripe's.
func (s *Server) list(c call, url, kind string, match func(o object) bool) (object, *failure) {
	limit := c.form.integer("limit", 10)
	if limit < 1 || limit > 100 {
		return nil, invalid("limit", "limit must be 1 to 100")
	}
	after := c.form.text("starting_after")
	data, more, skipping := []object{}, false, after != ""
	for i := len(s.order) - 1; i >= 0; i-- {
		o := s.objects[s.order[i]]
		if o.text("object") != kind || !match(o) {
			continue
		}
		if skipping {
			skipping = o.text("id") != after
			continue
		}
		if int64(len(data)) == limit {
			more = true
			break
		}
		data = append(data, o)
	}
	return object{"object": "list", "url": url, "has_more": more, "data": data}, nil
}

func encode(o object) []byte {
	b, err := json.Marshal(o)
	if err != nil {
		return []byte(`{"error":{"type":"api_error","message":"the answer cannot be written"}}`)
	}
	return b
}

func write(w http.ResponseWriter, a answer) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Request-Id", "req_fake")
	if a.replayed {
		w.Header().Set("Idempotent-Replayed", "true")
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body)
}

func drop(w http.ResponseWriter) {
	if h, ok := w.(http.Hijacker); ok {
		if conn, _, err := h.Hijack(); err == nil {
			_ = conn.Close()
		}
	}
}

// unknown names a parameter that the path does not know.
func unknown(f form, known ...string) *failure {
	names := make([]string, 0, len(f))
	for name := range f {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		ok := name == "expand"
		for _, k := range known {
			ok = ok || name == k
		}
		if !ok {
			return invalid(name, "Received unknown parameter: %s", name)
		}
	}
	return nil
}
