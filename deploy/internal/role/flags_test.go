package role

import (
	"flag"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

type config struct {
	NATSURL          string
	MQTTAddress      string
	Partitions       int
	LogMaxBytes      int64
	CommitInterval   time.Duration
	ConsoleOrigins   []string
	ClickHouseSecure bool
}

func TestAConfigurationSurvivesItsFlags(t *testing.T) {
	t.Parallel()
	defaults := config{NATSURL: "nats://a", Partitions: 2, ConsoleOrigins: []string{"http://a"}}
	want := defaults
	want.MQTTAddress, want.LogMaxBytes, want.CommitInterval = "127.0.0.1:1", 7, time.Second
	want.ConsoleOrigins, want.ClickHouseSecure = []string{"http://b", "http://c"}, true
	args := Arguments(want, defaults)
	if diff := cmp.Diff([]string{
		"--mqtt-address=127.0.0.1:1", "--log-max-bytes=7", "--commit-interval=1s", "--console-origins=http://b,http://c", "--clickhouse-secure=true",
	}, args); diff != "" {
		t.Fatal(diff)
	}
	got := defaults
	fs := flag.NewFlagSet("cell", flag.ContinueOnError)
	define(fs, &got)
	if err := fs.Parse(args); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatal(diff)
	}
}

func TestFlagName(t *testing.T) {
	t.Parallel()
	for field, want := range map[string]string{
		"NATSURL": "nats-url", "APIAddress": "api-address", "MQTTWebSocketAddress": "mqtt-websocket-address",
		"ClickHousePublicURL": "clickhouse-public-url", "Cell": "cell", "CatalogInterval": "catalog-interval",
	} {
		if got := FlagName(field); got != want {
			t.Errorf("%s: got %s, want %s", field, got, want)
		}
	}
}
