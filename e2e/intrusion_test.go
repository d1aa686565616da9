package e2e

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/millwright-io/millwright/e2e/stack"
	telemetryv1 "github.com/millwright-io/millwright/proto/gen/millwright/telemetry/v1"
)

// watchIsDeaf watches the first tenant's device as the second while it sends.
func watchIsDeaf(t *testing.T, s *stack.Stack, b other, dir string) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	stream, err := s.Telemetry(b.key).Watch(ctx, &telemetryv1.WatchRequest{DeviceIds: []string{"private_press"}})
	if err != nil {
		return
	}
	defer func() { _ = stream.Close() }()
	publishCurl(t, s, dir, `{"measurements":{"secret_pressure":4711.125}}`)
	for stream.Receive() {
		if len(stream.Msg().Values) > 0 {
			t.Fatalf("the other tenant saw %v", stream.Msg())
		}
	}
}

// topicsStayHome sends with the second tenant's certificate to every shape of topic that names the first one's device.
func topicsStayHome(t *testing.T, s *stack.Stack, b other) {
	need(t, "mosquitto_pub")
	dir := filepath.Join(t.TempDir(), "twin")
	out, err := s.Command("device", "create", "private_press", "--type", "press", "--out", dir, "--key", b.key)
	if err != nil {
		t.Fatalf("a device of the same name in another tenant: %v\n%s", err, out)
	}
	before := storedEvents(t, s, "private_press")
	for _, topic := range []string{
		"v1/telemetry", "v1/devices/private_press/telemetry", "v1/devices/other_press/telemetry", "v1/tenants/" + s.Demo.TenantID + "/telemetry",
		s.Demo.TenantID + "/v1/telemetry", "ingest.local.0", "$SYS/telemetry", "v1/telemetry/" + s.Demo.TenantID, "tenant." + s.Demo.TenantID,
	} {
		for _, version := range []string{"mqttv311", "5"} {
			_, _ = publishTo(s, dir, topic, version, `{"measurements":{"secret_pressure":1}}`)
			_, _ = publishTo(s, dir, topic, version, fmt.Sprintf(`{"tenantId":%q,"tenant":%q,"deviceId":"private_press","measurements":{"secret_pressure":1}}`, s.Demo.TenantID, s.Demo.TenantID))
		}
	}
	client := stack.DeviceHTTP(t, dir)
	for _, path := range []string{"", "?tenant=" + s.Demo.TenantID, "?tenant_id=" + s.Demo.TenantID} {
		req, err := http.NewRequest(http.MethodPost, s.Demo.IngestURL+path, strings.NewReader(`{"measurements":{"secret_pressure":1}}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Tenant-Id", s.Demo.TenantID)
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
	}
	stack.Eventually(t, 5*time.Second, "the second tenant has its own events", func() error {
		res, err := s.Telemetry(b.key).Query(context.Background(), &telemetryv1.QueryRequest{DeviceId: "private_press", Resolution: telemetryv1.Resolution_RESOLUTION_RAW})
		if err != nil {
			return err
		}
		if len(res.Series) != 1 || len(res.Series[0].Points) < 3 {
			return fmt.Errorf("it has %v", res.Series)
		}
		return nil
	})
	if after := storedEvents(t, s, "private_press"); after != before {
		t.Errorf("the first tenant's device went from %d to %d events", before, after)
	}
}

// storeStaysShut tries the second tenant's ClickHouse user on the first one's database, and on everything else.
func storeStaysShut(t *testing.T, s *stack.Stack, b other) {
	conn, err := clickhouse.Open(&clickhouse.Options{
		Protocol: clickhouse.HTTP,
		Addr:     []string{strings.TrimPrefix(b.store.Url, "http://")},
		Auth:     clickhouse.Auth{Database: b.store.Database, Username: b.store.Username, Password: b.store.Password},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	var own uint64
	if err := conn.QueryRow(context.Background(), "select count() from events").Scan(&own); err != nil {
		t.Fatalf("its own database: %v", err)
	}
	theirs := s.Demo.ClickHouseDatabase
	for _, q := range []string{
		"select count() from " + theirs + ".events",
		"select count() from `" + theirs + "`.`points`",
		"select count() from merge('" + theirs + "', '.*')",
		"select count() from events union all select count() from " + theirs + ".events",
		"select (select count() from " + theirs + ".events)",
		"with x as (select * from " + theirs + ".events) select count() from x",
		"select count() from events where device in (select device from " + theirs + ".events)",
		"insert into " + theirs + ".events (device) values ('x')",
		"insert into events (device) values ('x')",
		"drop table " + theirs + ".events",
		"drop table events",
		"alter table events delete where 1",
		"create table stolen engine=Memory as select * from " + theirs + ".events",
		"create user thief identified with plaintext_password by 'x'",
		"grant select on *.* to " + b.store.Username,
		"select * from file('/etc/passwd', 'LineAsString')",
		"select * from url('http://127.0.0.1:1/', 'LineAsString')",
		"select count() from remote('127.0.0.1', " + theirs + ", events)",
		"select count() from clusterAllReplicas('default', " + theirs + ".events)",
		"system flush logs",
		"use " + theirs,
	} {
		if err := conn.Exec(context.Background(), q); err == nil {
			t.Errorf("was not refused: %s", q)
		}
	}
	stolen, err := clickhouse.Open(&clickhouse.Options{
		Protocol: clickhouse.HTTP, Addr: []string{strings.TrimPrefix(b.store.Url, "http://")},
		Auth: clickhouse.Auth{Database: theirs, Username: b.store.Username, Password: b.store.Password},
	})
	if err == nil {
		err = stolen.QueryRow(context.Background(), "select count() from events").Scan(&own)
		_ = stolen.Close()
	}
	if err == nil {
		t.Error("connecting to the first tenant's database was not refused")
	}
}

func storedEvents(t *testing.T, s *stack.Stack, device string) uint64 {
	t.Helper()
	conn, err := openStore(s)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	var n uint64
	if err := conn.QueryRow(context.Background(), "select count() from events where device = ?", device).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}
