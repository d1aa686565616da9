package warehouse

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/millwright-io/millwright/deploy/internal/chdb"
)

// request is an HTTP request for a statement, taken apart.
type request struct {
	id             string
	sql            string
	body           io.Reader // what follows the statement's text
	database       string
	format         string // of a result whose statement names none
	params         []chdb.Param
	settings       []setting
	session        string
	sessionTimeout time.Duration
	sessionCheck   bool
	revision       string // client_protocol_version
	compress       bool   // result in ClickHouse's own compressed frames
	method         string // of those frames
	contentCoding  string // of the result, for HTTP
	wait           bool   // answer only when the whole result is there
	readOnly       bool   // a GET may not write
	priority       int    // among tenants' statements, 1 being the first
}

type setting struct{ name, value string }

// The parameters that say something to the endpoint and are no settings of the engine.
var notSettings = []string{
	"query", "database", "user", "password", "query_id", "session_id", "session_timeout", "session_check", "close_session",
	"default_format", "compress", "decompress", "buffer_size", "wait_end_of_query", "quota_key", "stacktrace",
	"client_protocol_version", "role", "enable_http_compression", "http_zlib_compression_level", "log_comment",
	"network_compression_method", "network_zstd_compression_level", "send_progress_in_http_headers",
	"http_headers_progress_interval_ms", "add_http_cors_header", "cancel_http_readonly_queries_on_client_close",
	"http_write_exception_in_output_format", "http_response_buffer_size", "framing_output_format",
}

var settingName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,127}$`)

// readRequest takes r apart. For a POST without ?query= it reads the text from the body, up to the limit.
func (s *Server) readRequest(a *answer, r *http.Request) (*request, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, exception(codeBadArguments, "BAD_ARGUMENTS", "The URL's parameters are malformed: %s", err)
	}
	q := &request{
		id:           values.Get("query_id"),
		sql:          values.Get("query"),
		database:     first(values.Get("database"), r.Header.Get("X-ClickHouse-Database")),
		format:       first(values.Get("default_format"), r.Header.Get("X-ClickHouse-Format"), "TabSeparated"),
		session:      values.Get("session_id"),
		sessionCheck: values.Get("session_check") == "1",
		revision:     values.Get("client_protocol_version"),
		compress:     isTrue(values.Get("compress")),
		method:       first(values.Get("network_compression_method"), "LZ4"),
		wait:         isTrue(values.Get("wait_end_of_query")),
		readOnly:     r.Method != http.MethodPost && r.Method != http.MethodPut,
	}
	if q.id == "" {
		q.id = newID()
	}
	if len(q.id) > 256 || strings.ContainsFunc(q.id, func(c rune) bool { return c < 0x20 || c == 0x7f }) {
		q.id = newID()
		return q, exception(codeBadArguments, "BAD_ARGUMENTS", "The query_id is longer than 256 bytes or holds control characters")
	}
	if isTrue(values.Get("enable_http_compression")) {
		q.contentCoding = chooseCoding(r.Header.Get("Accept-Encoding"))
	}
	if q.sessionTimeout, err = sessionTimeout(values.Get("session_timeout")); err != nil {
		return q, err
	}
	if err := q.readSettings(values); err != nil {
		return q, err
	}
	return q, s.readText(a, q, r, isTrue(values.Get("decompress")))
}

func (q *request) readSettings(values url.Values) error {
	for name, all := range values {
		value := all[len(all)-1]
		switch {
		case strings.HasPrefix(name, "param_"):
			q.params = append(q.params, chdb.Param{Name: strings.TrimPrefix(name, "param_"), Value: value})
		case slices.Contains(notSettings, name):
		case !settingName.MatchString(name):
			return exception(115, "UNKNOWN_SETTING", "The URL's parameter %q is no setting", name)
		default:
			q.settings = append(q.settings, setting{name, value})
		}
	}
	slices.SortFunc(q.settings, func(a, b setting) int { return strings.Compare(a.name, b.name) })
	return nil
}

// readText completes q.sql from the body, as the real server does: the text is ?query= and then the body. An INSERT in
// ?query= leaves the body for its rows.
func (s *Server) readText(a *answer, q *request, r *http.Request, decompress bool) error {
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); strings.HasPrefix(kind, "multipart/") {
		return exception(codeNotImplemented, "NOT_IMPLEMENTED", "External tables (%s) are not supported; insert the rows into a temporary table in a session", kind)
	}
	r.Body = patientBody{body: r.Body, control: a.control, now: s.now}
	body, err := decodeBody(r, decompress, s.cfg.MaxBodyBytes)
	if err != nil {
		return err
	}
	q.body = body
	if int64(len(q.sql)) > s.cfg.MaxQueryBytes {
		return s.textTooLarge()
	}
	if q.sql != "" && cut(q.sql).insert {
		return nil
	}
	head := make([]byte, s.cfg.MaxQueryBytes+1-int64(len(q.sql)))
	n, err := io.ReadFull(body, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return asException(err)
	}
	if q.sql != "" && n > 0 {
		q.sql += "\n"
	}
	q.sql += string(head[:n])
	if n == len(head) && !cut(q.sql).insert {
		return s.textTooLarge()
	}
	if strings.TrimSpace(q.sql) == "" {
		return exception(codeSyntaxError, "SYNTAX_ERROR", "Empty query")
	}
	return nil
}

func (s *Server) textTooLarge() error {
	return exception(codeQueryTooLarge, "QUERY_IS_TOO_LARGE", "The statement is longer than %d bytes; send the rows of an INSERT in the body with its text in ?query=", s.cfg.MaxQueryBytes)
}

// credentials finds the user's name and password in the header, Basic authentication or the URL, in this order.
func credentials(r *http.Request) (name, password string) {
	if name = r.Header.Get("X-ClickHouse-User"); name != "" {
		return name, r.Header.Get("X-ClickHouse-Key")
	}
	if name, password, ok := r.BasicAuth(); ok {
		return name, password
	}
	values := r.URL.Query()
	return first(values.Get("user"), "default"), values.Get("password")
}

func sessionTimeout(text string) (time.Duration, error) {
	if text == "" {
		return time.Minute, nil
	}
	d, err := time.ParseDuration(text + "s")
	if err != nil || d <= 0 || d > time.Hour {
		return 0, exception(374, "INVALID_SESSION_TIMEOUT", "Invalid session timeout: %q; give seconds from 1 to 3600", text)
	}
	return d, nil
}

func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

func first(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

func isTrue(s string) bool { return s == "1" || strings.EqualFold(s, "true") }
