// Package up composes the whole product on one machine: it prepares a data directory, starts Postgres, NATS, ClickHouse,
// the identity server, the control plane and a cell in order, keeps them running, and stops them in reverse. Command
// millwright imports it.
package up

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/millwright-io/millwright/deploy/internal/command"
	"github.com/millwright-io/millwright/deploy/internal/demo"
)

// Config is what `millwright up` is told.
type Config struct {
	// Data is the data directory.
	Data string
	// PortBase is the first of nine public ports, and of six more for each cell after the first; 0 means each address' own default.
	PortBase int
	// Demo is plant, empty or none.
	Demo string
	// Home is the checkout: it has console/dist, .tools/kratos and deploy/tools.
	Home string

	ControlAddress       string
	CellAddress          string
	IngestAddress        string
	MQTTAddress          string
	MQTTWebSocketAddress string
	MetricsAddress       string
	ClickHouseAddress    string
	ESTAddress           string
	DeviceNATSAddress    string
	// CertificateLife is how long a device's certificate lives; 0: the control plane's own.
	CertificateLife time.Duration

	// Origin is the URL that browsers see the console at; empty: http:// and the control plane's address.
	Origin string
	// Hosts are further names and addresses that devices reach the gateway by, for its certificate.
	Hosts []string

	// Cells are the cells to run, each NAME or NAME=REGION; empty: one.
	Cells []string
	cells []*cell

	// Operators are the e-mail addresses of who runs the installation; the demo's person when there is one and none is named.
	Operators []string
	// DeletionGrace is how long the deletion of an organisation can be cancelled.
	DeletionGrace time.Duration
	// BillingClock is a file with the time that billing lives by; empty: the machine's clock.
	BillingClock string

	// StripeKeyFile and StripeWebhookSecretFile hold Stripe's secrets; empty: invoices are not collected. StripeURL is Stripe's API, empty for Stripe's own.
	StripeKeyFile, StripeWebhookSecretFile, StripeURL string
	// PaymentGrace is how long an organisation is served whose payment failed.
	PaymentGrace time.Duration

	// PlanLimits replaces limits of every tenant's plan, each as name=value; see the control plane's configuration.
	PlanLimits []string

	// SpaceReserve is how many MB must stay free on the disk of Data: below it, new events are refused. 0: the cell's own.
	SpaceReserve int

	// NATSURL names a NATS server, or a cluster, that somebody else runs; empty: one runs inside this process. NATSReplicas is how
	// often each stream and bucket is there.
	NATSURL      string
	NATSReplicas int

	// Partitions is how many the log of a new cell has. 0: the cell's own.
	Partitions int

	// MailURLFile holds the mail server's URL; empty: e-mails go into the development mailbox.
	MailURLFile string
	// MailFrom is the address that e-mails come from.
	MailFrom string

	// Kratos, Library, Console and PostgresBin name parts that are not where Home has them.
	Kratos      string
	Library     string
	Console     string
	PostgresBin string

	// Version is the product's, for the terminal.
	Version string
}

// mostPartitions is what a cell takes.
const mostPartitions = 64

// address is a public address, in the order of the port base.
type address struct {
	value    *string
	flag     string
	standard int
	serves   string
}

func (c *Config) addresses() []address {
	return []address{
		{&c.ControlAddress, "control-address", 8080, "the console and the control plane's API"},
		{&c.CellAddress, "cell-address", 8081, "the cell's API"},
		{&c.IngestAddress, "ingest-address", 8443, "devices over HTTPS"},
		{&c.MQTTAddress, "mqtt-address", 8883, "devices over MQTT"},
		{&c.MQTTWebSocketAddress, "mqtt-websocket-address", 8884, "devices over MQTT in WebSocket"},
		{&c.MetricsAddress, "metrics-address", 9090, "metrics and health"},
		{&c.ClickHouseAddress, "clickhouse-address", 8123, "the ClickHouse endpoint"},
		{&c.ESTAddress, "est-address", 8444, "devices that enrol and renew by EST"},
		{&c.DeviceNATSAddress, "device-nats-address", 8885, "devices over NATS"},
	}
}

// complete fills in what was left empty and checks the rest. executable is the path of this binary.
func (c *Config) complete(executable string) error {
	for i, a := range c.addresses() {
		if *a.value == "" {
			*a.value = net.JoinHostPort("127.0.0.1", strconv.Itoa(c.port(i, a.standard)))
		}
		if err := checkAddress(*a.value); err != nil {
			return command.Usage("--%s %q: %s", a.flag, *a.value, err)
		}
	}
	if err := c.completeCells(); err != nil {
		return err
	}
	if most := 65536 - len(c.addresses()) - len(c.further()); c.PortBase < 0 || c.PortBase > most {
		return command.Usage("--port-base %d: want 1 to %d", c.PortBase, most)
	}
	if c.Demo != "plant" && c.Demo != "empty" && c.Demo != "none" {
		return command.Usage("--demo %q: want plant, empty or none", c.Demo)
	}
	if c.MailURLFile != "" && c.Demo != "none" {
		return command.Usage("--mail-url-file needs --demo none: the demo's people read their e-mails in the development mailbox")
	}
	if c.MailFrom == "" {
		c.MailFrom = "millwright@localhost.localdomain"
	}
	if len(c.Operators) == 0 && c.Demo != "none" {
		c.Operators = []string{demo.Email}
	}
	if c.NATSReplicas < 0 || c.NATSReplicas > 5 || c.NATSReplicas > 1 && c.NATSURL == "" {
		return command.Usage("--nats-replicas %d: want 1 to 5, and more than 1 only with --nats-url", c.NATSReplicas)
	}
	if c.Partitions < 0 || c.Partitions > mostPartitions {
		return command.Usage("--partitions %d: want 1 to %d", c.Partitions, mostPartitions)
	}
	if c.SpaceReserve < 0 {
		return command.Usage("--space-reserve %d: want a number of MB above 0", c.SpaceReserve)
	}
	if c.Origin == "" {
		c.Origin = "http://" + c.ControlAddress
	}
	if u, err := url.Parse(c.Origin); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return command.Usage("--origin %q: want a URL such as https://millwright.example.com", c.Origin)
	}
	return c.completePaths(executable)
}

func (c *Config) port(i, standard int) int {
	if c.PortBase > 0 {
		return c.PortBase + i
	}
	return standard
}

func checkAddress(text string) error {
	_, port, err := net.SplitHostPort(text)
	if err != nil {
		return fmt.Errorf("want host:port, e.g. 127.0.0.1:8080")
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return fmt.Errorf("want a port from 1 to 65535")
	}
	return nil
}

func (c *Config) completePaths(executable string) error {
	if c.Home == "" {
		if real, err := filepath.EvalSymlinks(executable); err == nil {
			executable = real
		}
		c.Home = filepath.Dir(filepath.Dir(executable))
	}
	for _, p := range []*string{&c.StripeKeyFile, &c.StripeWebhookSecretFile} {
		if *p == "" {
			continue
		}
		absolute, err := filepath.Abs(*p)
		if err != nil {
			return fmt.Errorf("find the file %s: %w", *p, err)
		}
		*p = absolute
	}
	for _, p := range []*string{&c.Data, &c.Home} {
		absolute, err := filepath.Abs(*p)
		if err != nil {
			return fmt.Errorf("find the folder %s: %w", *p, err)
		}
		*p = absolute
	}
	defaults := []struct {
		path *string
		at   string
	}{
		{&c.Kratos, ".tools/kratos"},
		{&c.Console, "console/dist"},
		{&c.Library, "deploy/tools/engine/node_modules/@chdb/lib-linux-x64-gnu/libchdb.so"},
	}
	for _, d := range defaults {
		if *d.path == "" {
			*d.path = filepath.Join(c.Home, d.at)
		}
	}
	return nil
}

// checkParts explains a part that is not there.
func (c *Config) checkParts() error {
	parts := []struct{ path, what, target, flag string }{
		{c.Kratos, "the identity server", "make .tools/kratos", "kratos"},
		{c.Library, "the ClickHouse engine", "make engine", "library"},
		{filepath.Join(c.Console, "index.html"), "the console's build", "make console", "console"},
	}
	for _, p := range parts {
		if _, err := os.Stat(p.path); err != nil {
			return fmt.Errorf("%s is missing at %s: run `%s` in the checkout (`make up` does all of it), or name it by --%s", p.what, p.path, p.target, p.flag)
		}
	}
	return nil
}
