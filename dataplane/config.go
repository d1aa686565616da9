package dataplane

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/clickhouse"
)

// Config is everything a cell is told. Secrets are named by file.
type Config struct {
	// Cell is the cell's name, the same in the control plane and on every subject: lower-case letters, digits, _ and -.
	Cell string
	// Version is the program's, for the control plane's eyes.
	Version string

	// APIAddress serves Connect, REST and WebSocket, host:port.
	APIAddress string
	// The four addresses of devices may be empty: then they do not come that way, and other processes of the cell take them in.

	// IngestAddress serves POST /v1/telemetry over TLS with client certificates, host:port.
	IngestAddress string
	// MQTTAddress serves MQTT over TLS with client certificates, host:port.
	MQTTAddress string
	// MQTTWebSocketAddress serves MQTT over WebSocket over TLS with client certificates, host:port.
	MQTTWebSocketAddress string
	// DeviceNATSAddress serves devices that speak NATS, over TLS with client certificates, host:port. It is not the log's NATS.
	DeviceNATSAddress string
	// MetricsAddress serves /metrics, /healthz and /readyz without authentication, host:port. Keep it internal.
	MetricsAddress string
	// GatewayCertificateDir holds gateway.pem, gateway-key.pem and ca.pem; the control plane writes them, and newer
	// files are taken up while the cell runs.
	GatewayCertificateDir string

	// NATSURL is the NATS server or cluster, e.g. nats://127.0.0.1:4222.
	NATSURL string
	// NATSUser is the cell's user there; empty for a server without users.
	NATSUser string
	// NATSPasswordFile holds the user's password in its first line.
	NATSPasswordFile string

	// ClickHouseURL is the store's HTTP interface as the cell reaches it, e.g. http://127.0.0.1:8123.
	ClickHouseURL string
	// ClickHouseUser creates databases and users, and inserts.
	ClickHouseUser string
	// ClickHousePasswordFile holds the user's password in its first line; empty for a user without one.
	ClickHousePasswordFile string
	// ClickHousePublicURL is how tenants reach the store with their own tools; empty: ClickHouseURL.
	ClickHousePublicURL string
	// StoreSecretFile holds the secret that tenants' ClickHouse passwords are derived from, 32 bytes or more. Changing it
	// changes every tenant's password at the next start.
	StoreSecretFile string

	// StoragePolicy is a policy of the store whose volume ColdVolume takes rows that came more than ColdAfterDays days ago, until they are
	// deleted. Empty: rows stay where they are.
	StoragePolicy string
	ColdVolume    string
	ColdAfterDays int

	// CompactValues stores values of few digits in three fifths of the space, with ClickHouse's codec ALP. ClickHouse calls it experimental: a
	// later version may not read it, so switch it off and have the parts merged before an upgrade.
	CompactValues bool

	// GatewayOnly: this process takes events in, answers queries and serves live sessions; other processes of the cell work on
	// the log and keep the tenants' storage.
	GatewayOnly bool

	// Partitions of the log; each is worked on by one process at a time. It stays what the cell's first start made it.
	Partitions int
	// LogMaxBytes is the size of the log. When it is full, events are refused until the store has caught up.
	LogMaxBytes int64
	// DeadLetterMaxBytes is the size of the stream of dead letters that are not yet in the store.
	DeadLetterMaxBytes int64
	// SpaceDirectory is on the disk of the log and the store when they are on this machine; below SpaceReserveBytes free
	// there, new events are refused until a quarter more (64 MiB at most) is free. Empty: they are elsewhere, nothing is watched.
	SpaceDirectory string
	// SpaceReserveBytes is what must stay free to work off what was taken.
	SpaceReserveBytes int64
	// Replicas of the cell's streams and buckets: 1 on one server, 3 in a cluster.
	Replicas int

	// CatalogDirectory takes the cell's own copy of its catalog, with which a new process serves while the control plane or
	// the catalog's bucket is away. Empty: none is kept.
	CatalogDirectory string

	// PayloadBytes is the largest message that the gateway takes.
	PayloadBytes int
	// MeasurementsPerDevice is how many names a device may use at most, whatever its tenant's own limit is.
	MeasurementsPerDevice int

	// CommitEvents and CommitInterval bound what one round of inserts covers: whichever comes first.
	CommitEvents   int
	CommitInterval time.Duration
	// CheckpointInterval is how often the engine's state is stored; a restart works off at most this much of the log.
	CheckpointInterval time.Duration
	// InsertConcurrency is how many inserts run at once over all tenants of a partition.
	InsertConcurrency int

	// ConsoleOrigins are the origins whose pages may call the API, e.g. http://127.0.0.1:8080.
	ConsoleOrigins []string
}

// DefaultConfig is right for one machine; the secrets, NATSURL and ClickHouseURL are left to the caller.
func DefaultConfig() Config {
	return Config{
		Cell:                  "local",
		APIAddress:            "127.0.0.1:8081",
		IngestAddress:         "127.0.0.1:8443",
		MQTTAddress:           "127.0.0.1:8883",
		MQTTWebSocketAddress:  "127.0.0.1:8884",
		DeviceNATSAddress:     "127.0.0.1:8885",
		MetricsAddress:        "127.0.0.1:0",
		NATSURL:               "nats://127.0.0.1:4222",
		ClickHouseURL:         "http://127.0.0.1:8123",
		ClickHouseUser:        "admin",
		Partitions:            2,
		LogMaxBytes:           8 << 30,
		DeadLetterMaxBytes:    1 << 30,
		SpaceReserveBytes:     256 << 20,
		Replicas:              1,
		PayloadBytes:          256 << 10,
		MeasurementsPerDevice: 2048,
		CommitEvents:          50_000,
		CommitInterval:        150 * time.Millisecond,
		CheckpointInterval:    5 * time.Second,
		InsertConcurrency:     4,
		ConsoleOrigins:        []string{"http://127.0.0.1:8080", "http://localhost:8080"},
	}
}

var volumeName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// tier is where old rows move.
func (c Config) tier() clickhouse.Tier {
	return clickhouse.Tier{Policy: c.StoragePolicy, Volume: c.ColdVolume, AfterDays: c.ColdAfterDays}
}

var cellName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,31}$`)

// Validate returns everything that is wrong, joined, each as one sentence.
func (c Config) Validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	check(cellName.MatchString(c.Cell), "cell %q: want 1 to 32 lower-case letters, digits, _ or -, not beginning with _ or -", c.Cell)
	for _, a := range []struct {
		name, address string
		optional      bool
	}{
		{"api address", c.APIAddress, false},
		{"ingest address", c.IngestAddress, true},
		{"mqtt address", c.MQTTAddress, true},
		{"mqtt websocket address", c.MQTTWebSocketAddress, true},
		{"device nats address", c.DeviceNATSAddress, true},
		{"metrics address", c.MetricsAddress, false},
	} {
		_, _, err := net.SplitHostPort(a.address)
		check(err == nil || a.optional && a.address == "", "%s %q: want host:port", a.name, a.address)
	}
	check(!c.GatewayOnly || c.TakesEvents(), "a gateway without an address for devices: name one, or let it work on the log")
	check(c.NATSURL != "", "nats url is empty: name a server, e.g. nats://127.0.0.1:4222")
	check(httpURL(c.ClickHouseURL), "clickhouse url %q: want e.g. http://127.0.0.1:8123", c.ClickHouseURL)
	check(c.ClickHousePublicURL == "" || httpURL(c.ClickHousePublicURL), "public clickhouse url %q: want e.g. https://store.example.com", c.ClickHousePublicURL)
	check(c.ClickHouseUser != "", "clickhouse user is empty: name one that may create databases and users")
	tiered := c.StoragePolicy != "" || c.ColdVolume != "" || c.ColdAfterDays != 0
	check(!tiered || volumeName.MatchString(c.StoragePolicy) && volumeName.MatchString(c.ColdVolume) && c.ColdAfterDays >= 1 && c.ColdAfterDays <= 36500,
		"storage policy %q, cold volume %q, cold after %d days: want all three or none, names of letters, digits, _ and -, and 1 to 36500 days",
		c.StoragePolicy, c.ColdVolume, c.ColdAfterDays)
	check(c.StoreSecretFile != "", "store secret file is empty: name a file with 32 bytes or more")
	check(c.GatewayCertificateDir != "", "gateway certificate directory is empty: name the one the control plane writes")
	check(c.Partitions >= 1 && c.Partitions <= 64, "partitions %d: want 1 to 64", c.Partitions)
	check(c.LogMaxBytes >= 16<<20, "log size %d bytes: want 16 MiB or more", c.LogMaxBytes)
	check(c.DeadLetterMaxBytes >= 1<<20, "dead-letter stream size %d bytes: want 1 MiB or more", c.DeadLetterMaxBytes)
	check(c.SpaceReserveBytes > 0, "space reserve %d bytes: want above 0", c.SpaceReserveBytes)
	check(c.Replicas >= 1 && c.Replicas <= 5, "replicas %d: want 1 to 5", c.Replicas)
	check(c.PayloadBytes >= 1<<10 && c.PayloadBytes <= 4<<20, "payload limit %d bytes: want 1 KiB to 4 MiB", c.PayloadBytes)
	check(c.MeasurementsPerDevice >= 1 && c.MeasurementsPerDevice <= 10_000, "measurements per device %d: want 1 to 10000", c.MeasurementsPerDevice)
	check(c.CommitEvents >= 1 && c.CommitEvents <= 1_000_000, "commit events %d: want 1 to 1000000", c.CommitEvents)
	check(c.CommitInterval > 0 && c.CommitInterval <= time.Minute, "commit interval %s: want above 0, at most 1m", c.CommitInterval)
	check(c.CheckpointInterval > 0 && c.CheckpointInterval <= time.Hour, "checkpoint interval %s: want above 0, at most 1h", c.CheckpointInterval)
	check(c.InsertConcurrency >= 1 && c.InsertConcurrency <= 64, "insert concurrency %d: want 1 to 64", c.InsertConcurrency)
	for _, origin := range c.ConsoleOrigins {
		check(httpURL(origin), "console origin %q: want e.g. http://127.0.0.1:8080", origin)
	}
	return errors.Join(errs...)
}

// TakesEvents says whether devices come to this process.
func (c Config) TakesEvents() bool {
	return c.IngestAddress+c.MQTTAddress+c.MQTTWebSocketAddress+c.DeviceNATSAddress != ""
}

func httpURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

// readSecret returns the first line of a file, or "" when no file is named.
func readSecret(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	b, err := os.ReadFile(filepath.Clean(path))
	if err != nil {
		return "", fmt.Errorf("read secret: %w", err)
	}
	line, _, _ := strings.Cut(string(b), "\n")
	return strings.TrimRight(line, "\r"), nil
}
