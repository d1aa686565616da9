package warehouse

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func TestAResultOverTheLimitIsRefused(t *testing.T) {
	t.Parallel()
	admin, err := startChild(t, Config{DataDir: t.TempDir(), MaxResultBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	admin.must(t, "CREATE DATABASE d")
	admin.must(t, "CREATE TABLE d.x (a UInt64) ENGINE = MergeTree ORDER BY a")
	admin.must(t, "CREATE USER d IDENTIFIED WITH sha256_password BY 'pw'")
	admin.must(t, "GRANT SELECT ON d.* TO d")
	// More than the limit is no result of a client, so it may be inserted.
	admin.must(t, "INSERT INTO d.x SELECT number FROM numbers(1000000)")
	tenant := admin.as("d", "pw")
	const large, small = "SELECT a FROM d.x ORDER BY a", "SELECT a FROM d.x ORDER BY a LIMIT 1000"
	const most = "max bytes: 1.00 MiB"
	for _, c := range []struct {
		who        *endpoint
		sql        string
		parameters []string
		says       string
	}{
		{admin, large + " FORMAT TSV", nil, ""},
		{admin, large + " FORMAT JSON", nil, most},
		{admin, large, []string{"wait_end_of_query", "1"}, most},
		{admin, large + " FORMAT JSON", []string{"max_result_bytes", "100000000"}, ""},
		{admin, large + " FORMAT TSV", []string{"max_result_bytes", "100000"}, "max bytes: 97.66 KiB"},
		{admin, small + " FORMAT JSON", nil, ""},
		{tenant, small + " FORMAT JSON", nil, ""},
		{tenant, large + " FORMAT TSV", nil, most},
		{tenant, large + " FORMAT JSON", nil, most},
		{tenant, large + " FORMAT Native", []string{"max_result_bytes", "0"}, most},
		{tenant, large, []string{"max_result_bytes", "100000000"}, most},
		{tenant, small, []string{"max_result_bytes", "1000"}, "max bytes: 1000.00 B"},
		{tenant, "SELECT count() FROM d.x", nil, ""},
	} {
		r := c.who.post(t, c.sql, c.parameters...)
		refused := strings.Contains(r.body, "TOO_MANY_ROWS_OR_BYTES")
		if refused != (c.says != "") || !strings.Contains(r.body, c.says) || !refused && r.status != http.StatusOK {
			t.Errorf("%s: %s %v: status %d, ends with %q", c.who.user, c.sql, c.parameters, r.status, r.body[max(0, len(r.body)-300):])
		}
	}
}

func TestAQuotaBoundsTheTimeOfAUsersStatements(t *testing.T) {
	t.Parallel()
	admin, err := startChild(t, Config{DataDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	for _, user := range []string{"a", "b"} {
		admin.must(t, "CREATE USER "+user+" IDENTIFIED WITH sha256_password BY 'pw'")
	}
	for sql, says := range map[string]string{
		"CREATE QUOTA q FOR INTERVAL 0 SECOND MAX execution_time = 1 TO a":    "above 0",
		"CREATE QUOTA q FOR INTERVAL 3600 SECOND MAX queries = 1 TO a":        "execution_time",
		"CREATE QUOTA q FOR INTERVAL 3600 SECOND MAX execution_time = 1":      "TO",
		"CREATE QUOTA q FOR INTERVAL 3600 SECOND MAX execution_time = 1 TO z": "There is no user `z`",
		"DROP QUOTA q": "There is no quota `q`",
	} {
		if r := admin.post(t, sql); r.status == http.StatusOK || !strings.Contains(r.body, says) {
			t.Errorf("%s: %d %s", sql, r.status, r.body)
		}
	}
	admin.must(t, "CREATE QUOTA q FOR INTERVAL 3600 SECOND MAX execution_time = 0.001 TO a")
	if r := admin.post(t, "CREATE QUOTA q FOR INTERVAL 1 SECOND MAX execution_time = 1 TO a"); r.status == http.StatusOK {
		t.Error("a second quota of the name was created")
	}
	a, b := admin.as("a", "pw"), admin.as("b", "pw")
	eventually(t, "the quota is used up", func() bool {
		r := a.post(t, "SELECT sum(number) FROM numbers(1000000)")
		return r.code() == codeQuotaExceeded && r.status == http.StatusTooManyRequests && r.header.Get("Retry-After") != ""
	})
	b.must(t, "SELECT sum(number) FROM numbers(1000000)")
	admin.must(t, "CREATE QUOTA OR REPLACE q FOR INTERVAL 1 SECOND MAX execution_time = 1000 TO a")
	a.must(t, "SELECT 1")
	admin.must(t, "DROP QUOTA IF EXISTS q")
	a.must(t, "SELECT 1")
}

func TestExternalTablesAreRefused(t *testing.T) {
	t.Parallel()
	body := "--b\r\nContent-Disposition: form-data; name=\"x\"; filename=\"x\"\r\n\r\n1\r\n--b--\r\n"
	r := shared.send(t, http.MethodPost, strings.NewReader(body), http.Header{"Content-Type": {"multipart/form-data; boundary=b"}}, "query", "SELECT * FROM x", "x_structure", "a UInt8")
	if r.code() != codeNotImplemented || !strings.Contains(r.body, "External tables") {
		t.Errorf("%d %s", r.status, r.body)
	}
}

// A block is written or not as a whole, and those before a failure stay.
func TestAFailedInsertKeepsTheBlocksBeforeTheFailure(t *testing.T) {
	t.Parallel()
	db := shared.database(t)
	shared.must(t, "CREATE TABLE "+db+".x (a UInt32) ENGINE = MergeTree ORDER BY a")
	var rows strings.Builder
	for n := range 5500 {
		fmt.Fprintln(&rows, n)
	}
	rows.WriteString("rubbish\n")
	r := shared.post(t, rows.String(), "query", "INSERT INTO "+db+".x FORMAT TSV", "max_insert_block_size", "1000",
		"min_insert_block_size_rows", "1000", "min_insert_block_size_bytes", "0", "input_format_parallel_parsing", "0")
	if r.code() != 27 {
		t.Errorf("a row of rubbish: %d %s", r.status, r.body)
	}
	// The last block may still have been on its way.
	if got := shared.must(t, "SELECT count() BETWEEN 1000 AND 5000, count() % 1000, max(a) + 1 = count() FROM "+db+".x"); got != "1\t0\t1\n" {
		t.Errorf("some blocks, a part of one, a prefix: %q", got)
	}
	shared.must(t, "1\n", "query", "INSERT INTO "+db+".x FORMAT TSV") // the connection is not spoiled for the next
}
