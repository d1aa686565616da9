package warehouse

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/millwright-io/millwright/deploy/internal/chdb"
)

const displayName = "millwright"

// ServeHTTP answers one request of ClickHouse's HTTP interface.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/ping", "/replicas_status":
		_, _ = io.WriteString(w, "Ok.\n")
		return
	case "/":
		if r.Method == http.MethodGet && r.URL.RawQuery == "" && r.ContentLength == 0 {
			_, _ = io.WriteString(w, "Ok.\n")
			return
		}
	case "/play", "/dashboard", "/query":
		if r.URL.Path != "/query" {
			http.NotFound(w, r)
			return
		}
	default:
		http.Error(w, "There is no handle "+r.URL.Path+"\n\nUse / or /ping for health checks, and POST / for queries.", http.StatusNotFound)
		return
	}
	a := &answer{w: w, control: http.NewResponseController(w), tag: exceptionTag(), started: s.now(), now: s.now}
	if err := s.serve(a, r); err != nil {
		e := asException(err)
		s.log.DebugContext(r.Context(), "clickhouse statement refused", slog.String("query_id", a.id), slog.Int("code", e.Code))
		a.fail(e)
	}
}

func (s *Server) serve(a *answer, r *http.Request) error {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut:
	default:
		return exception(codeNotImplemented, "NOT_IMPLEMENTED", "The method %s is not supported; use GET or POST", r.Method)
	}
	name, password := credentials(r)
	who, err := s.users.authenticate(name, password)
	if err != nil {
		return err
	}
	q, err := s.readRequest(a, r)
	if q != nil {
		a.describe(q, s.timezone)
	}
	if err != nil {
		return err
	}
	if isHello(q) {
		return s.hello(a, q)
	}
	if who.admin {
		done, err := s.manageUsers(q.sql)
		if err != nil {
			return err
		}
		if done {
			return a.finish(chdb.Stats{})
		}
	}
	if !who.admin {
		priority, done, err := s.turns.take(r.Context(), name, who.Quota, s.cfg.QueueTimeout)
		if err != nil {
			return err
		}
		defer done()
		q.priority = priority
		return s.run(r.Context(), a, name, who, q)
	}
	if err := s.slots.take(r.Context(), s.cfg.QueueTimeout); err != nil {
		return err
	}
	defer s.slots.free()
	return s.run(r.Context(), a, name, who, q)
}

// answer writes a response: its headers late, so that an early failure still has its own status.
type answer struct {
	w       http.ResponseWriter
	control *http.ResponseController
	now     func() time.Time
	started time.Time
	id      string
	tag     string
	request *request
	head    bool // the header is written
}

func (a *answer) describe(q *request, timezone string) {
	a.request, a.id = q, q.id
	h := a.w.Header()
	h.Set("X-ClickHouse-Query-Id", q.id)
	h.Set("X-ClickHouse-Server-Display-Name", displayName)
	h.Set("X-ClickHouse-Timezone", timezone)
	h.Set("X-ClickHouse-Exception-Tag", a.tag)
}

// summary is the X-ClickHouse-Summary of what was done so far.
func (a *answer) summary(stats chdb.Stats) string {
	text := func(n uint64) string { return strconv.FormatUint(n, 10) }
	data, err := json.Marshal(map[string]string{
		"read_rows": text(stats.ReadRows), "read_bytes": text(stats.ReadBytes),
		"written_rows": text(stats.WrittenRows), "written_bytes": text(stats.WrittenBytes),
		"total_rows_to_read": "0", "result_rows": text(stats.ResultRows), "result_bytes": text(stats.ResultBytes),
		"elapsed_ns": strconv.FormatInt(a.now().Sub(a.started).Nanoseconds(), 10),
	})
	if err != nil {
		return "{}"
	}
	return string(data)
}

// begin writes the header of a result in format.
func (a *answer) begin(format string, stats chdb.Stats) {
	h := a.w.Header()
	h.Set("Content-Type", contentType(format))
	h.Set("X-ClickHouse-Format", format)
	h.Set("X-ClickHouse-Summary", a.summary(stats))
	if coding := a.request.contentCoding; coding != "" {
		h.Set("Content-Encoding", coding)
	}
	a.head = true
	a.w.WriteHeader(http.StatusOK)
}

// finish answers a statement without a result.
func (a *answer) finish(stats chdb.Stats) error {
	a.w.Header().Set("X-ClickHouse-Summary", a.summary(stats))
	a.w.Header().Set("Content-Length", "0")
	a.head = true
	a.w.WriteHeader(http.StatusOK)
	return nil
}

// fail answers with e: as a status of its own while nothing is written, and otherwise as the block at the end of the
// body that ClickHouse writes, after which the connection is cut so that every client notices.
func (a *answer) fail(e *chdb.Error) {
	if a.head {
		message := e.Text
		if len(message) > 8<<10 {
			message = message[:8<<10]
		}
		_, _ = io.WriteString(a.w, "\r\n__exception__\r\n"+a.tag+"\r\n"+message+"\n"+strconv.Itoa(len(message)+1)+" "+a.tag+"\r\n__exception__\r\n")
		_ = a.control.Flush()
		if c, _, err := a.control.Hijack(); err == nil {
			_ = c.Close()
		}
		return
	}
	status := httpStatus(e.Code)
	h := a.w.Header()
	if status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Basic realm="ClickHouse server HTTP API"`)
	}
	if status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests {
		h.Set("Retry-After", "1")
	}
	h.Set("X-ClickHouse-Exception-Code", strconv.Itoa(e.Code))
	h.Set("Content-Type", "text/plain; charset=UTF-8")
	h.Del("Content-Encoding")
	a.head = true
	a.w.WriteHeader(status)
	_, _ = io.WriteString(a.w, e.Text+"\n")
}
