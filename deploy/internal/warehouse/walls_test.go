package warehouse

import (
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
)

// tenants makes two databases with a table each and a user who may read each, and returns the first user's endpoint.
func tenants(t *testing.T, rights string) (mine *endpoint, own, other string) {
	t.Helper()
	base := shared.database(t)
	own, other = base, base+"_other"
	shared.must(t, "CREATE DATABASE "+other)
	t.Cleanup(func() { shared.post2("DROP DATABASE " + other) })
	for _, db := range []string{own, other} {
		shared.must(t, "CREATE TABLE "+db+".points (device LowCardinality(String), time DateTime64(9,'UTC'), names Array(String), values Array(Float64)) ENGINE = MergeTree ORDER BY (device, time)")
		shared.must(t, "INSERT INTO "+db+".points VALUES ('secret_"+db+"', '2026-11-24 00:00:00', ['a','b'], [1,2])")
		shared.must(t, "CREATE VIEW "+db+".flat AS SELECT device, time, name, value FROM "+db+".points ARRAY JOIN names AS name, values AS value")
		shared.must(t, "CREATE USER OR REPLACE "+db+" IDENTIFIED WITH sha256_password BY 'pw' DEFAULT DATABASE "+db)
		shared.must(t, "GRANT "+rights+" ON "+db+".* TO "+db)
		t.Cleanup(func() { shared.post2("DROP USER IF EXISTS " + db) })
	}
	return shared.as(own, "pw"), own, other
}

// post2 runs sql after a test has ended, when its context is done.
func (e *endpoint) post2(sql string) {
	r, err := http.NewRequest(http.MethodPost, "http://"+e.address+"/", strings.NewReader(sql))
	if err != nil {
		return
	}
	r.SetBasicAuth(e.user, e.password)
	if response, err := bare.Do(r); err == nil {
		_ = response.Body.Close()
	}
}

var wordA, wordB = regexp.MustCompile(`\bA\b`), regexp.MustCompile(`\bB\b`)

// attacks are statements of a tenant that must all be refused. A is its database and B the other tenant's.
var attacks = []string{
	// another tenant's tables
	"SELECT * FROM B.points", "SELECT * FROM `B`.points", `SELECT * FROM "B"."points"`, "SELECT * FROM B/**/./* x */points",
	"SELECT * FROM --\nB.points", "TABLE B.points", "FROM B.points SELECT *", "SELECT (SELECT any(device) FROM B.points)",
	"SELECT 1 WHERE 'x' IN (SELECT device FROM B.points)", "SELECT 1 WHERE 'x' IN B.points", "SELECT 1 WHERE 'x' GLOBAL IN B.points",
	"WITH x AS (SELECT * FROM B.points) SELECT * FROM x", "SELECT 1 UNION ALL SELECT count() FROM B.points",
	"SELECT * FROM points p JOIN B.points q USING device", "SELECT * FROM (SELECT * FROM (SELECT * FROM B.points))",
	"SELECT exists(SELECT 1 FROM B.points)", "SELECT * FROM B.flat", "SELECT * FROM view(SELECT * FROM B.points)",
	"SELECT * FROM viewIfPermitted(SELECT * FROM B.points ELSE null('device String'))", "SELECT * FROM merge('B', '.*')",
	"SELECT * FROM merge(REGEXP('.*'), 'points')", "SELECT * FROM loop(B.points) LIMIT 1", "SELECT * FROM eval('SELECT * FROM B.points')",
	"SELECT * FROM remote('127.0.0.1', B.points)", "SELECT * FROM cluster('default', B.points)", "SELECT * FROM mergeTreeIndex('B', 'points')",
	"SELECT * FROM mergeTreeProjection('B', 'points', 'p')", "SELECT joinGet('B.points', 'device', 'x')", "SELECT dictGet('B.points', 'device', 1)",
	"SELECT hasColumnInTable('B', 'points', 'device')", "DESCRIBE B.points", "DESCRIBE TABLE (SELECT * FROM B.points)",
	"SHOW CREATE TABLE B.points", "SHOW CREATE DATABASE B", "EXISTS TABLE B.points", "EXPLAIN SELECT * FROM B.points",
	"EXPLAIN QUERY TREE SELECT * FROM B.points", "EXPLAIN SYNTAX SELECT * FROM B.points", "CHECK TABLE B.points",
	"SELECT * FROM {t:Identifier}.points",
	// the engine's own tables
	"SELECT query FROM system.processes", "SELECT query FROM `system`.`processes`", "SELECT 1 WHERE 'x' IN system.processes",
	"SELECT * FROM system.parts", "SELECT * FROM system.server_settings", "SELECT * FROM system.merges", "SELECT * FROM system.disks",
	"SELECT * FROM System.processes", "SELECT * FROM merge('system', 'processes')", "SHOW PROCESSLIST", "SHOW GRANTS", "SHOW USERS", "SHOW MERGES",
	"SELECT * FROM system.users", "SELECT * FROM system.roles",
	// files and networks
	"SELECT file('/etc/passwd')", "SELECT arrayMap(file, ['/etc/passwd'])", "SELECT arrayMap(x -> file(x), ['/etc/passwd'])",
	"SELECT * APPLY(file) FROM (SELECT '/etc/passwd')", "WITH file AS f SELECT f('/etc/passwd')", "SELECT * FROM file('/etc/passwd', 'LineAsString')",
	"SELECT * FROM `/etc/passwd`", "SELECT * FROM default.`/etc/passwd`", "DESCRIBE TABLE file('/etc/passwd')", "SELECT * FROM url('http://127.0.0.1/', 'LineAsString')",
	"SELECT * FROM s3('http://127.0.0.1/a/b')", "SELECT * FROM executable('id', 'TSV', 'a String')", "SELECT * FROM mysql('h', 'd', 't', 'u', 'p')",
	"SELECT * FROM postgresql('h', 'd', 't', 'u', 'p')", "SELECT * FROM sqlite('/etc/passwd', 't')", "SELECT * FROM input('a String')",
	"SELECT * FROM points INTO OUTFILE '/tmp/warehouse-attack'", "SELECT 1 WHERE 'x' IN file('/etc/passwd')",
	// writes and sessions
	"INSERT INTO points VALUES ('x', now(), [], [])", "INSERT INTO B.points SELECT * FROM points", "INSERT INTO FUNCTION file('/tmp/warehouse-attack') SELECT 1",
	"CREATE TABLE z (a Int8) ENGINE = Memory", "CREATE TEMPORARY TABLE z (a Int8)", "CREATE VIEW v AS SELECT * FROM B.points", "DROP TABLE points", "DROP DATABASE B",
	"ALTER TABLE points DELETE WHERE 1", "DELETE FROM points WHERE 1", "TRUNCATE TABLE points", "OPTIMIZE TABLE points FINAL", "RENAME TABLE points TO z", "ATTACH TABLE z",
	"DETACH TABLE points", "CREATE FUNCTION f AS x -> x", "CREATE USER z IDENTIFIED WITH sha256_password BY 'z'", "GRANT SELECT ON B.* TO A", "SET ROLE admin", "SET ROLE ALL",
	"SET readonly = 0", "SET max_memory_usage = 0", "USE B", "SYSTEM RELOAD USERS", "KILL QUERY WHERE 1", "EXECUTE AS default SELECT 1", "BACKUP DATABASE B TO File('/tmp/x')",
	"SELECT 1; SELECT * FROM B.points", "SELECT 1;DROP TABLE points", "SELECT 1 SETTINGS max_memory_usage = 0", "SELECT * FROM (SELECT 1 SETTINGS readonly = 0)",
	"SELECT 1 SETTINGS allow_ddl = 1", "SELECT sleep(3)", "SELECT getServerSetting('max_server_memory_usage')", "SELECT hostName()", "SELECT aiGenerate('x')",
	"optimize = 0 SELECT * FROM B.points", "graph = 1 SELECT * FROM B.points", "SELECT\u00a0*\u00a0FROM\u00a0B.points", "SELECT * FROM \u201cB\u201d.points", "SELECT * FROM points PARALLEL WITH DROP TABLE points",
}

func TestATenantReachesNothingButItsOwnDatabase(t *testing.T) {
	t.Parallel()
	mine, own, other := tenants(t, "SELECT")
	passwd, err := os.ReadFile("/etc/passwd")
	if err != nil {
		t.Fatal(err)
	}
	leak, _, _ := strings.Cut(string(passwd), "\n")
	for _, attack := range attacks {
		sql := wordA.ReplaceAllString(wordB.ReplaceAllString(attack, other), own)
		r := mine.post(t, sql, "param_t", other)
		if r.status == http.StatusOK {
			t.Errorf("allowed: %s\n%s", sql, r.body)
		}
		if strings.Contains(r.body, "secret_"+other) || strings.Contains(r.body, leak) {
			t.Errorf("leaked: %s\n%s", sql, r.body)
		}
	}
	if len(attacks) < 60 {
		t.Fatalf("only %d attacks", len(attacks))
	}
	for _, parameter := range [][]string{
		{"database", other},
		{"database", "system"},
		{"readonly", "0", "allow_ddl", "1"},
		{"allow_introspection_functions", "1"},
		{"additional_table_filters", "{}"},
		{"format_schema", "/etc/passwd"},
		{"implicit_select", "1"},
		{"log_queries", "1"},
		{"user_files_path", "/"},
	} {
		if r := mine.post(t, "SELECT count() FROM points", parameter...); r.status == http.StatusOK && parameter[0] != "readonly" {
			t.Errorf("allowed with %v", parameter)
		}
	}
	if r := mine.send(t, http.MethodGet, nil, nil, "query", "SELECT * FROM "+other+".points"); r.status == http.StatusOK {
		t.Error("a GET reads the other's table")
	}
	if got := shared.must(t, "SELECT count() FROM "+other+".points"); got != "1\n" {
		t.Fatalf("the other's table was changed: %q", got)
	}
}

func TestATenantWorksInItsOwnDatabase(t *testing.T) {
	t.Parallel()
	mine, own, other := tenants(t, "SELECT")
	for _, sql := range []string{
		"SELECT 1", "SELECT version()", "SELECT timezone()", "SELECT * FROM points", "SELECT * FROM " + own + ".points", "SELECT count() FROM flat",
		"SELECT toStartOfInterval(time, INTERVAL 60 second) AS t, avg(value) FROM flat WHERE time >= toDateTime64(0, 3) AND name = 'a' GROUP BY t ORDER BY t",
		"SELECT $__x FROM (SELECT 1 AS `$__x`)", "WITH x AS (SELECT device FROM points) SELECT * FROM x LIMIT 10", "SELECT device, quantile(0.95)(value) OVER (PARTITION BY device) FROM flat",
		"SELECT name FROM system.databases", "SELECT name FROM system.tables WHERE database = '" + own + "'", "SELECT name, type FROM system.columns WHERE table = 'points'",
		"SHOW TABLES", "SHOW DATABASES", "SHOW COLUMNS FROM points", "DESCRIBE TABLE points", "EXISTS TABLE points", "SHOW CREATE TABLE points", "EXPLAIN SELECT * FROM points",
		"SELECT table_name FROM information_schema.tables", "SELECT number FROM numbers(3)", "SELECT * FROM generateSeries(1, 3)", "SELECT 'a' IN (SELECT device FROM points)",
		"SELECT device, argMax(value, time) FROM flat GROUP BY device FORMAT JSON", "SELECT p.device FROM points p ANY LEFT JOIN flat f ON p.device = f.device",
		"SELECT arrayMap((n, v) -> v * 2, names, values) FROM points", "SELECT * EXCEPT names FROM points -- comment", "(SELECT 1) UNION ALL (SELECT 2);",
	} {
		if r := mine.post(t, sql); r.status != http.StatusOK || strings.Contains(r.body, other) {
			t.Errorf("%s: status %d %s", sql, r.status, r.body)
		}
	}
	if got := mine.must(t, "SELECT count() FROM points WHERE device != {d:String}", "param_d", "x", "max_execution_time", "5"); got != "1\n" {
		t.Errorf("parameter: %q", got)
	}
	if got := mine.must(t, "SHOW DATABASES"); got != own+"\n" {
		t.Errorf("databases: %q", got)
	}
	conn := mine.open(t)
	var n uint64
	if err := conn.QueryRow(t.Context(), "SELECT count() FROM points").Scan(&n); err != nil || n != 1 {
		t.Errorf("clickhouse-go: %d, %v", n, err)
	}
}

func TestUsersAreManagedByStatements(t *testing.T) {
	t.Parallel()
	mine, own, other := tenants(t, "SELECT, INSERT")
	mine.must(t, "INSERT INTO points VALUES ('new', '2026-11-24 00:00:01', [], [])")
	if r := mine.post(t, "INSERT INTO points VALUES (file('/etc/passwd'), now(), [], [])"); r.status == http.StatusOK {
		t.Error("the rows of an INSERT read a file")
	}
	if r := mine.post(t, "INSERT INTO points VALUES ('x', now(), [], [])", "database", other); r.status == http.StatusOK {
		t.Error("an INSERT reached the other's table")
	}
	shared.must(t, "REVOKE INSERT ON "+own+".* FROM "+own)
	if r := mine.post(t, "INSERT INTO points SELECT * FROM points"); r.code() != codeAccessDenied {
		t.Errorf("after REVOKE: %d %s", r.status, r.body)
	}
	shared.must(t, "CREATE USER IF NOT EXISTS "+own+" IDENTIFIED WITH sha256_password BY 'else'")
	mine.must(t, "SELECT 1")
	if r := shared.post(t, "CREATE USER "+own+" IDENTIFIED WITH sha256_password BY 'else'"); r.code() != codeUserExists {
		t.Errorf("a second CREATE USER: %s", r.body)
	}
	shared.must(t, "alter user "+own+" identified with sha256_hash by '"+hashPassword("changed")+"'")
	if r := mine.post(t, "SELECT 1"); r.status != http.StatusForbidden || r.code() != codeAuthFailed {
		t.Errorf("the old password: %d %s", r.status, r.body)
	}
	shared.as(own, "changed").must(t, "SELECT 1")
	shared.must(t, "DROP USER "+own)
	if r := shared.as(own, "changed").post(t, "SELECT 1"); r.code() != codeAuthFailed {
		t.Errorf("a dropped user: %s", r.body)
	}
	if r := shared.post(t, "DROP USER "+own); r.code() != codeUnknownUser {
		t.Errorf("dropped twice: %s", r.body)
	}
	for _, name := range []string{"", "nobody", "default"} {
		if r := shared.as(name, "wrong").post(t, "SELECT 1"); r.code() != codeAuthFailed {
			t.Errorf("%q: %d %s", name, r.status, r.body)
		}
	}
}
