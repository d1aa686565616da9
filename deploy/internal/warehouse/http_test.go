package warehouse

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
)

func TestErrorsHaveClickHousesCodesAndStatuses(t *testing.T) {
	t.Parallel()
	db := shared.database(t)
	shared.must(t, "CREATE TABLE "+db+".x (a UInt32) ENGINE = MergeTree ORDER BY a")
	for _, c := range []struct {
		sql          string
		parameters   []string
		code, status int
	}{
		{"SELEC 1", nil, 62, 400},
		{"SELECT * FROM nope", nil, 60, 404},
		{"SELECT * FROM nope.nope", nil, 81, 404},
		{"SELECT nope", nil, 47, 404},
		{"SELECT nope()", nil, 46, 404},
		{"SELECT 1", []string{"nope_setting", "1"}, 115, 404},
		{"SELECT 1", []string{"database", "nope"}, 81, 404},
		{"SELECT {x:UInt8}", nil, 456, 400},
		{"SELECT throwIf(1)", nil, 395, 500},
		{"INSERT INTO " + db + ".x FORMAT JSONEachRow {\"a\":\"b\"}", nil, 0, 400},
		{"INSERT INTO " + db + ".nope VALUES (1)", nil, 60, 404},
		{"", nil, 62, 400},
		{"SELECT 1; SELECT 2", nil, 62, 400},
		{"SELECT groupArray(number) FROM numbers(100000000)", []string{"max_memory_usage", "10000000"}, 241, 500},
		{"SELECT sum(cityHash64(number)) FROM numbers(100000000000)", []string{"max_execution_time", "0.2"}, 159, 408},
		{"SELECT number FROM numbers(10)", []string{"max_result_rows", "1"}, 396, 500},
		{"CREATE TABLE " + db + ".x (a UInt8) ENGINE = Memory", nil, 57, 500},
	} {
		r := shared.post(t, c.sql, c.parameters...)
		if r.status != c.status || c.code != 0 && r.code() != c.code || !strings.HasPrefix(r.body, "Code: ") {
			t.Errorf("%q: status %d, code %d, %.200s", c.sql, r.status, r.code(), r.body)
		}
	}
	conn := shared.open(t)
	var exception *clickhouse.Exception
	if err := conn.Exec(t.Context(), "SELECT * FROM nope"); !errors.As(err, &exception) || exception.Code != 60 {
		t.Errorf("clickhouse-go sees %v", err)
	}
}

func TestAFailureInTheMiddleOfAResultIsNoticed(t *testing.T) {
	t.Parallel()
	const sql = "SELECT throwIf(number = 3000000) FROM numbers(5000000)"
	if r := shared.post(t, sql); r.status != http.StatusOK || r.err == nil || !strings.Contains(r.body, "Code: 395") {
		t.Errorf("net/http: status %d, error %v", r.status, r.err)
	}
	for name, compression := range compressions() {
		conn := shared.open(t, func(o *clickhouse.Options) { o.Compression = compression })
		rows, err := conn.Query(t.Context(), sql)
		if err == nil {
			for rows.Next() {
			}
			err = rows.Err()
			_ = rows.Close()
		}
		var exception *clickhouse.Exception
		if !errors.As(err, &exception) || exception.Code != 395 {
			t.Errorf("%s: clickhouse-go sees %v", name, err)
		}
	}
}

func TestRequestsOfTheHTTPInterface(t *testing.T) {
	t.Parallel()
	db := shared.database(t)
	for _, path := range []string{"/ping", "/"} {
		response, err := bare.Get("http://" + shared.address + path)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if string(body) != "Ok.\n" {
			t.Errorf("%s: %q", path, body)
		}
	}
	r := shared.send(t, http.MethodGet, nil, nil, "query", "SELECT {x:UInt8} + 1 AS n", "param_x", "41", "default_format", "JSONEachRow", "query_id", "q-1")
	if r.body != "{\"n\":42}\n" || r.header.Get("X-ClickHouse-Query-Id") != "q-1" || r.header.Get("X-ClickHouse-Format") != "JSONEachRow" ||
		!strings.Contains(r.header.Get("X-ClickHouse-Summary"), `"result_rows":"1"`) || r.header.Get("X-ClickHouse-Timezone") == "" {
		t.Errorf("%q %v", r.body, r.header)
	}
	shared.must(t, "CREATE TABLE "+db+".x (a UInt32, s String) ENGINE = MergeTree ORDER BY a")
	if r := shared.send(t, http.MethodGet, nil, nil, "query", "DROP TABLE "+db+".x"); r.code() != 164 {
		t.Errorf("a GET writes: %d %s", r.status, r.body)
	}
	for format, rows := range map[string]string{
		"CSV": "1,\"a;\n\"\n", "TSV": "1\ta\n", "JSONEachRow": `{"a":1,"s":"a"}`, "Values": "(1, 'a')", "TabSeparatedWithNames": "s\ta\nx\t1\n", "RowBinary": "\x01\x00\x00\x00\x01a",
	} {
		shared.must(t, rows, "query", "INSERT INTO "+db+".x FORMAT "+format)
		shared.must(t, "INSERT INTO "+db+".x FORMAT "+format+"\n"+rows)
	}
	if got := shared.must(t, "SELECT count() FROM x", "database", db); got != "12\n" {
		t.Errorf("rows: %q", got)
	}
	native := shared.must(t, "SELECT * FROM "+db+".x FORMAT Native")
	if r := shared.send(t, http.MethodPost, strings.NewReader(native[:len(native)-3]), nil, "query", "INSERT INTO "+db+".x FORMAT Native"); r.status == http.StatusOK {
		t.Error("a Native block that is cut off was taken")
	}
	for _, coding := range []string{"gzip", "deflate", "br", "zstd", "lz4"} {
		var packed bytes.Buffer
		w, err := encoder(coding, &packed)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(w, "9,\"z\"\n")
		_ = w.Close()
		r := shared.send(t, http.MethodPost, &packed, http.Header{"Content-Encoding": {coding}}, "query", "INSERT INTO "+db+".x FORMAT CSV")
		back := shared.send(t, http.MethodPost, strings.NewReader("SELECT 1"), http.Header{"Accept-Encoding": {coding}}, "enable_http_compression", "1")
		plain, err := decodeBody(&http.Request{Header: back.header, Body: io.NopCloser(strings.NewReader(back.body))}, false, 100)
		if err != nil {
			t.Fatal(err)
		}
		if text, _ := io.ReadAll(plain); r.status != http.StatusOK || back.header.Get("Content-Encoding") != coding || string(text) != "1\n" {
			t.Errorf("%s: %d %s %q", coding, r.status, r.body, text)
		}
	}
	shared.must(t, "CREATE TEMPORARY TABLE tmp (a UInt8)", "session_id", db)
	shared.must(t, "INSERT INTO tmp VALUES (7)", "session_id", db)
	if got := shared.must(t, "SELECT a FROM tmp", "session_id", db); got != "7\n" {
		t.Errorf("session: %q", got)
	}
	if r := shared.post(t, "SELECT 1", "session_id", "none", "session_check", "1"); r.code() != codeSessionNotFound {
		t.Errorf("session_check: %s", r.body)
	}
	if got := shared.must(t, "SELECT getSetting('max_result_rows')"); got != "0\n" {
		t.Errorf("a setting stayed: %q", got)
	}
}

func TestAQueryEndsWhenItsClientGoesAway(t *testing.T) {
	t.Parallel()
	const mark = "1234567891"
	running := func() string {
		return strings.TrimSpace(shared.must(t, "SELECT count() FROM system.processes WHERE query LIKE '%"+mark[:5]+mark[5:]+"%' AND query NOT LIKE '%processes%'"))
	}
	ctx, cancel := context.WithCancel(t.Context())
	conn := shared.open(t)
	ended := make(chan error, 1)
	go func() {
		ended <- conn.QueryRow(ctx, "SELECT sum(cityHash64(number, "+mark+")) FROM numbers(1000000000000)").Err()
	}()
	eventually(t, "the query runs", func() bool { return running() == "1" })
	cancel()
	if err := <-ended; err == nil {
		t.Error("the cancelled query has a result")
	}
	eventually(t, "the query has ended", func() bool { return running() == "0" })
}

func TestASlotIsRefusedWhenTheQueueIsFull(t *testing.T) {
	t.Parallel()
	s := newSlots(1, 1)
	if err := s.take(t.Context(), time.Minute); err != nil {
		t.Fatal(err)
	}
	waited := make(chan error, 1)
	go func() { waited <- s.take(t.Context(), time.Minute) }()
	eventually(t, "one waits", func() bool { return len(s.waiting) == 1 })
	if err := s.take(t.Context(), time.Minute); asException(err).Code != codeTooManyQueries {
		t.Fatalf("the third: %v", err)
	}
	s.free()
	if err := <-waited; err != nil {
		t.Fatal(err)
	}
}
