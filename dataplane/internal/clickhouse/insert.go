package clickhouse

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/millwright-io/millwright/dataplane/internal/engine"
	"github.com/millwright-io/millwright/tenancy"
)

// The tables of a tenant's database that are inserted into.
const (
	tableEvents       = "events"
	tableMinutes      = "minutes"
	tableHours        = "hours"
	tableDeadLetters  = "dead_letters"
	tableLetterStates = "dead_letter_states"
	tableLettersGone  = "dead_letters_gone"
	tableUsageHours   = "usage_hours"
)

// The sources of dead letters.
const (
	SourceEngine  = "engine"
	SourceGateway = "gateway"
)

// InsertEvents stores one block of events. A second call with the same token stores nothing, as long as the store
// remembers the token.
func (s *Store) InsertEvents(ctx context.Context, tenant tenancy.ID, partition uint16, rows []engine.EventRow, token string) error {
	return s.insert(ctx, tenant, tableEvents, token, func(b *block) { b.events(partition, rows) })
}

// InsertWindows stores windows; rows that are stored twice count once. Without a token they are stored in any case.
func (s *Store) InsertWindows(ctx context.Context, tenant tenancy.ID, rows []engine.WindowRow, token string) error {
	return s.insert(ctx, tenant, tableMinutes, token, func(b *block) { b.windows(rows) })
}

// InsertDeadLetters stores dead letters as InsertEvents stores events.
func (s *Store) InsertDeadLetters(ctx context.Context, tenant tenancy.ID, source string, partition uint16, rows []DeadLetter, token string) error {
	return s.insert(ctx, tenant, tableDeadLetters, token, func(b *block) { b.deadLetters(source, partition, rows) })
}

func (s *Store) insert(ctx context.Context, tenant tenancy.ID, table, token string, fill func(*block)) error {
	b, ok := s.blocks.Get().(*block)
	if !ok {
		b = &block{}
	}
	defer s.blocks.Put(b)
	fill(b)
	query := url.Values{
		"query":                           {"insert into " + tenant.Database() + "." + table + " format Native"},
		"async_insert":                    {"0"},
		"max_partitions_per_insert_block": {"0"},
	}
	if table == tableMinutes {
		query.Set("materialize_skip_indexes_on_insert", "0") // two files less to sync; merges make it
	}
	if token == "" {
		token = rand.Text() // else the content is the token
	}
	query.Set("insert_deduplicate", "1")
	query.Set("insert_deduplication_token", token)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.cfg.URL+"/?"+query.Encode(), bytes.NewReader(b.buf))
	if err != nil {
		return fmt.Errorf("insert into %s of %s: %w", table, tenant, err)
	}
	req.Header.Set("X-ClickHouse-User", s.cfg.User)
	req.Header.Set("X-ClickHouse-Key", s.cfg.Password)
	res, err := s.http.Do(req)
	if err != nil {
		return fmt.Errorf("insert into %s of %s: %w", table, tenant, withoutURL(err))
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if err != nil {
		return fmt.Errorf("insert into %s of %s: read answer: %w", table, tenant, err)
	}
	if ex := exception(res, body); ex != nil {
		return fmt.Errorf("insert into %s of %s: %w", table, tenant, ex)
	}
	return nil
}

// withoutURL drops the URL, which holds the statement, from an error of net/http.
func withoutURL(err error) error {
	if ue := (*url.Error)(nil); errors.As(err, &ue) {
		return ue.Err
	}
	return err
}

// Exception is an error that ClickHouse itself answered.
type Exception struct {
	Code    int
	Message string
}

func (e *Exception) Error() string { return e.Message }

// The codes that are told apart.
const (
	codeUnknownTable    = 60
	codeUnknownDatabase = 81
	codeTooManyQueries  = 202
	codeQuotaExceeded   = 201
)

func exception(res *http.Response, body []byte) *Exception {
	text := strings.TrimSpace(string(body))
	header := res.Header.Get("X-ClickHouse-Exception-Code")
	if res.StatusCode == http.StatusOK && header == "" && !strings.HasPrefix(text, "Code: ") {
		return nil
	}
	code, _ := strconv.Atoi(header)
	if rest, ok := strings.CutPrefix(text, "Code: "); ok && code == 0 {
		digits, _, _ := strings.Cut(rest, ".")
		code, _ = strconv.Atoi(digits)
	}
	if len(text) > 1000 {
		text = text[:1000]
	}
	if text == "" {
		text = "http status " + res.Status
	}
	return &Exception{Code: code, Message: text}
}

// NotProvisioned says whether err means that the tenant's database or table does not exist.
func NotProvisioned(err error) bool {
	ex := (*Exception)(nil)
	return errors.As(err, &ex) && (ex.Code == codeUnknownDatabase || ex.Code == codeUnknownTable)
}

// Unprepared says whether a tenant's own user, grant, database or table was not there when it read. The driver gives what it
// reads over HTTP as text only.
func Unprepared(err error) bool {
	if err == nil {
		return false
	}
	text := err.Error()
	for _, name := range []string{"(AUTHENTICATION_FAILED)", "(ACCESS_DENIED)", "(UNKNOWN_DATABASE)", "(UNKNOWN_TABLE)"} {
		if strings.Contains(text, name) {
			return true
		}
	}
	return false
}

// passing are the codes that are the store's trouble and not the insert's: memory, space, load, parts to merge, a server or a
// table that is read-only, a user who may not log in.
var passing = []int{159, 164, 202, 209, 210, 241, 242, 243, 252, 394, 516}

// Refused says whether the store itself answered err and would do so again: trying again alone may not help.
func Refused(err error) bool {
	ex := (*Exception)(nil)
	return errors.As(err, &ex) && ex.Code != 0 && !slices.Contains(passing, ex.Code)
}
