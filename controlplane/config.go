package controlplane

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/millwright-io/millwright/billing/invoice"
	"github.com/millwright-io/millwright/controlplane/internal/authority"
	"github.com/millwright-io/millwright/controlplane/internal/cell"
	"github.com/millwright-io/millwright/controlplane/internal/limit"
	"github.com/millwright-io/millwright/controlplane/internal/tenant"
	"github.com/millwright-io/millwright/controlplane/internal/tokenkey"
	"github.com/millwright-io/millwright/controlplane/internal/web"
	"github.com/millwright-io/millwright/tenancy"
	"github.com/millwright-io/millwright/tenancy/lastuse"
)

// Cell is where a cell listens, as its users see it.
type Cell struct {
	// Name is the cell's name, the same in the cell and on every subject: lower-case letters, digits, _ and -.
	Name string `json:"name"`
	// Region tells people where the cell is.
	Region string `json:"region"`
	// URL is its API's, e.g. http://127.0.0.1:8081.
	URL string `json:"url"`
	// IngestURL is where devices post, e.g. https://127.0.0.1:8443/v1/telemetry.
	IngestURL string `json:"ingest_url"`
	// MQTTAddress is host:port of MQTT over TLS.
	MQTTAddress string `json:"mqtt_address"`
	// MQTTWebSocketURL is e.g. wss://127.0.0.1:8884/mqtt.
	MQTTWebSocketURL string `json:"mqtt_websocket_url"`
	// NATSURL is that of devices, e.g. tls://127.0.0.1:8885.
	NATSURL string `json:"nats_url"`
	// MaxDatabases bounds the tenants that live there; 0: 500.
	MaxDatabases int `json:"max_databases"`
	// MaxEventsPerSecond is the rate at which it counts as full when new tenants are placed; 0: 50000.
	MaxEventsPerSecond int `json:"max_events_per_second"`
}

// noun is the cell as the registry keeps it.
func (c Cell) noun() cell.Cell {
	capacity := cell.DefaultCapacity
	if c.MaxDatabases > 0 {
		capacity.Databases = c.MaxDatabases
	}
	if c.MaxEventsPerSecond > 0 {
		capacity.EventsPerSecond = c.MaxEventsPerSecond
	}
	return cell.Cell{Name: c.Name, Region: c.Region, Capacity: capacity, Addresses: cell.Addresses{
		URL: c.URL, IngestURL: c.IngestURL, MQTTAddress: c.MQTTAddress, MQTTWebSocketURL: c.MQTTWebSocketURL, NATSURL: c.NATSURL,
	}}
}

// Config is everything the control plane is told. Secrets are named by file.
type Config struct {
	// Address serves the console, Connect, REST below /api/ and the identity flows below /identity/, host:port.
	Address string
	// MetricsAddress serves /metrics, /healthz and /readyz without authentication, host:port. Keep it internal.
	MetricsAddress string
	// ESTAddress serves EST (RFC 7030) to devices over TLS, host:port; empty: devices do not enrol by themselves. Its
	// certificate is for the GatewayHosts.
	ESTAddress string
	// ESTURL is the origin of that address as devices see it, e.g. https://127.0.0.1:8444.
	ESTURL string
	// PublicURL is the origin that browsers see, e.g. http://127.0.0.1:8080. Other origins' pages may not act with a
	// signed-in person's cookie.
	PublicURL string
	// TrustedOrigins are further origins at which a browser may have the console.
	TrustedOrigins []string

	// PostgresDSNFile holds the connection URL of the control plane's database. Its user owns the tables or may become
	// millwright_app; every statement runs as that role.
	PostgresDSNFile string
	// Migrate brings the database to this program's version at the start; the user must then own the tables.
	Migrate bool

	// NATSURL is the NATS server or cluster, e.g. nats://127.0.0.1:4222.
	NATSURL string
	// NATSUser is the control plane's user there; empty for a server without users.
	NATSUser string
	// NATSPasswordFile holds the user's password in its first line.
	NATSPasswordFile string
	// Replicas of the streams and catalogs: 1 on one server, 3 in a cluster.
	Replicas int

	// KratosPublicURL is the identity server's public API as the control plane reaches it.
	KratosPublicURL string

	// Operators are the e-mail addresses of the people who run the installation: they see every tenant's name, plan and
	// state, and manage cells. An address counts once the identity server has verified it. Empty: nobody.
	Operators []string

	// MailURLFile holds the mail server's URL in its first line: smtps://user:password@host:465 or
	// smtp://user:password@host:587. Empty: nobody can be invited.
	MailURLFile string
	// MailFrom is the address that e-mails come from.
	MailFrom string
	// MailboxURL is a development mailbox whose e-mails the console shows to callers on this machine; empty: none.
	MailboxURL string

	// ConsoleDir holds the built console; empty: none is served.
	ConsoleDir string
	// KEKFile holds the key-encryption key, 64 hexadecimal characters; it is made when missing. Whoever has it and a copy
	// of the database can sign certificates: back it up apart from the database. Further lines are keys of earlier times,
	// which only open; see `millwright kek`.
	KEKFile string
	// DeviceCertificateLife is how long a device's certificate lives: 1 minute to 825 days.
	DeviceCertificateLife time.Duration
	// TokenKeyPeriod is how long a key signs cell tokens before the next one does.
	TokenKeyPeriod time.Duration
	// TokenKeyAhead is how long that next one is published to the cells, and in the key set, before it signs.
	TokenKeyAhead time.Duration
	// GatewayCertificateDir takes gateway.pem, gateway-key.pem and ca.pem, kept fresh; empty: none are written.
	GatewayCertificateDir string
	// GatewayHosts are names and addresses in the gateway's certificate, besides localhost, 127.0.0.1 and ::1.
	GatewayHosts []string

	// LastUseInterval is how late it may be known that a key was used.
	LastUseInterval time.Duration

	// Cells are where tenants may live; new ones go to the active cell of their region with the most headroom.
	Cells []Cell
	// CellsFile holds a JSON array of cells ({"name", "region", "url", "ingest_url", "mqtt_address",
	// "mqtt_websocket_url", "nats_url", "max_databases", "max_events_per_second"}), in addition to Cells.
	CellsFile string
	// DeletionGrace is how long the deletion of an organisation can be cancelled.
	DeletionGrace time.Duration
	// PlanLimits replaces limits of every plan, each as name=value, e.g. events_per_second=1000000. docs/limits.md has the
	// names.
	PlanLimits []string
	// LimitsEvery is how often every tenant's use is held against its limits.
	LimitsEvery time.Duration
	// StripeKeyFile holds Stripe's secret key in its first line; empty: invoices are not collected. Those that were issued before it was first
	// named are not collected either.
	StripeKeyFile string
	// StripeWebhookSecretFile holds the signing secret of the endpoint /webhooks/stripe, one a line while a new one is introduced; it is read anew
	// for every event.
	StripeWebhookSecretFile string
	// StripeURL is Stripe's API; empty: Stripe's own. To try payments without an account, see billing/cmd/stripe-fake.
	StripeURL string
	// PaymentGrace is how long a tenant is served whose payment failed.
	PaymentGrace time.Duration
	// InvoiceGrace is how long after its end a UTC month is closed: usage that comes until then is on its bill, what comes later on a
	// later one.
	InvoiceGrace time.Duration
	// InvoicePayIn is how long after its issue an invoice is due.
	InvoicePayIn time.Duration
	// InvoiceEvery is how often months that have ended are looked for.
	InvoiceEvery time.Duration
	// BillingClock is a file that holds an RFC 3339 time, read anew whenever it is asked: billing, and nothing else, lives by it. To
	// rehearse the end of a month; empty: the machine's clock.
	BillingClock string
	// OverDay is what happens above events_per_day: refuse, or take; empty: as the plan says.
	OverDay string
}

// DefaultConfig is right for one machine; secrets, the identity server and the cells are left to the caller.
func DefaultConfig() Config {
	return Config{
		Address: "127.0.0.1:8080", MetricsAddress: "127.0.0.1:0", PublicURL: "http://127.0.0.1:8080", Migrate: true,
		NATSURL: "nats://127.0.0.1:4222", Replicas: 1, KratosPublicURL: "http://127.0.0.1:4433",
		LimitsEvery:           limit.Every,
		DeletionGrace:         7 * 24 * time.Hour,
		DeviceCertificateLife: authority.DeviceLife,
		TokenKeyPeriod:        tokenkey.DefaultPeriod,
		TokenKeyAhead:         tokenkey.DefaultAhead,
		LastUseInterval:       lastuse.Interval,
		PaymentGrace:          14 * 24 * time.Hour,
		InvoiceGrace:          invoice.DefaultGrace,
		InvoicePayIn:          invoice.DefaultPayIn,
		InvoiceEvery:          invoice.DefaultEvery,
	}
}

const (
	overDayRefuse = "refuse"
	overDayTake   = "take"
)

const mostPaymentGrace = 366 * 24 * time.Hour

// mostInvoiceGrace keeps a month from being closed after the one that follows it.
const mostInvoiceGrace = 14 * 24 * time.Hour

const minCertificateLife, maxCertificateLife = time.Minute, 825 * 24 * time.Hour

// crl is where the revocation list of a tenant's CA is served.
func (c Config) crl(id tenancy.ID) string {
	return strings.TrimRight(c.PublicURL, "/") + web.CRLPath + string(id) + ".crl"
}

// mostKeySetAge is how long the key set of cell tokens may be kept at most: a key that leaked is in such copies so long.
const mostKeySetAge = 5 * time.Minute

// keySetAge is well below the time that a key is published before it signs.
func (c Config) keySetAge() time.Duration { return min(mostKeySetAge, c.TokenKeyAhead/2) }

// Validate returns everything that is wrong, joined, each as one sentence.
func (c Config) Validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	for name, address := range map[string]string{"address": c.Address, "metrics address": c.MetricsAddress} {
		_, _, err := net.SplitHostPort(address)
		check(err == nil, "%s %q: want host:port", name, address)
	}
	if c.ESTAddress != "" {
		_, _, err := net.SplitHostPort(c.ESTAddress)
		check(err == nil, "est address %q: want host:port", c.ESTAddress)
		check(isURL(c.ESTURL) && strings.HasPrefix(c.ESTURL, "https://"), "est url %q: want the https URL that devices reach the est address by", c.ESTURL)
	}
	for name, text := range map[string]string{"public url": c.PublicURL, "kratos public url": c.KratosPublicURL} {
		check(isURL(text), "%s %q: want an http or https URL", name, text)
	}
	for _, origin := range c.TrustedOrigins {
		check(isURL(origin), "trusted origin %q: want an http or https URL", origin)
	}
	check(c.PostgresDSNFile != "", "postgres dsn file: name the file that holds the connection URL")
	check(c.KEKFile != "", "kek file: name the file of the key-encryption key; it is made when missing")
	check(c.DeviceCertificateLife >= minCertificateLife && c.DeviceCertificateLife <= maxCertificateLife,
		"device certificate life %s: want %s to %s", c.DeviceCertificateLife, minCertificateLife, maxCertificateLife)
	check(c.TokenKeyAhead >= time.Second && c.TokenKeyAhead <= c.TokenKeyPeriod,
		"token key ahead %s: want 1s to the token key period, %s", c.TokenKeyAhead, c.TokenKeyPeriod)
	check(c.NATSURL != "", "nats url: name the server, e.g. nats://127.0.0.1:4222")
	check(c.NATSUser == "" || c.NATSPasswordFile != "", "nats password file: name it, as there is a nats user")
	for _, address := range c.Operators {
		_, err := mail.ParseAddress(address)
		check(err == nil, "operator %q: want an e-mail address", address)
	}
	check(c.MailURLFile == "" || c.MailFrom != "", "mail from: name the address that e-mails come from")
	check(c.MailboxURL == "" || isURL(c.MailboxURL), "mailbox url %q: want an http or https URL", c.MailboxURL)
	check(c.LastUseInterval > 0, "last use interval %s: want more than nothing", c.LastUseInterval)
	check(c.Replicas >= 1 && c.Replicas <= 5, "replicas %d: want 1 to 5", c.Replicas)
	cells, err := c.cells()
	check(err == nil, "%w", err)
	check(err != nil || len(cells) > 0, "cells: there must be at least one, in cells or in the cells file")
	seen := make(map[string]bool)
	for _, c := range cells {
		check(cell.ValidName(c.Name), "cell %q: want a name of 1 to 32 lower-case letters, digits, _ or -, not beginning with _ or -", c.Name)
		check(cell.ValidName(c.Region), "region %q of cell %q: want a name of the form of a cell's", c.Region, c.Name)
		check(!seen[c.Name], "cell %q is there twice", c.Name)
		check(isURL(c.URL), "url %q of cell %q: want an http or https URL", c.URL, c.Name)
		check(c.MaxDatabases >= 0 && c.MaxEventsPerSecond >= 0, "cell %q: max_databases and max_events_per_second must not be below 0", c.Name)
		seen[c.Name] = true
	}
	check(c.LimitsEvery > 0, "limits every %s: want above 0", c.LimitsEvery)
	check(c.OverDay == "" || c.OverDay == overDayRefuse || c.OverDay == overDayTake, "over day %q: want refuse or take, or nothing", c.OverDay)
	check((c.StripeKeyFile == "") == (c.StripeWebhookSecretFile == ""), "stripe key file and stripe webhook secret file: name both or none: without webhooks nobody hears of payments")
	check(c.StripeURL == "" || isURL(c.StripeURL), "stripe url %q: want an http or https URL", c.StripeURL)
	check(c.PaymentGrace >= 0 && c.PaymentGrace <= mostPaymentGrace, "payment grace %s: want 0 to %s", c.PaymentGrace, mostPaymentGrace)
	check(c.InvoiceGrace >= 0 && c.InvoiceGrace <= mostInvoiceGrace, "invoice grace %s: want 0 to %s", c.InvoiceGrace, mostInvoiceGrace)
	check(c.InvoicePayIn >= 0 && c.InvoiceEvery > 0, "invoice pay in %s, invoice every %s: want 0 or more, and above 0", c.InvoicePayIn, c.InvoiceEvery)
	check(c.DeletionGrace >= 0, "deletion grace %s: want 0 or more", c.DeletionGrace)
	_, err = c.plans()
	check(err == nil, "%w", err)
	return errors.Join(errs...)
}

func isURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

// cells are those of the configuration and of its file.
func (c Config) cells() ([]Cell, error) {
	cells := c.Cells
	if c.CellsFile == "" {
		return cells, nil
	}
	text, err := os.ReadFile(c.CellsFile)
	if err != nil {
		return nil, fmt.Errorf("read cells file: %w", err)
	}
	var more []Cell
	if err := json.Unmarshal(text, &more); err != nil {
		return nil, fmt.Errorf("cells file %s: want a JSON array of cells: %w", c.CellsFile, err)
	}
	return append(cells, more...), nil
}

// plans are the limits of every plan, with those of the configuration.
func (c Config) plans() (map[string]tenant.Limits, error) {
	overrides := make(map[string]int64)
	for _, text := range c.PlanLimits {
		name, value, ok := strings.Cut(text, "=")
		n, err := strconv.ParseInt(value, 10, 64)
		if !ok || err != nil {
			return nil, fmt.Errorf("plan limit %q: want name=number", text)
		}
		overrides[name] = n
	}
	plans := make(map[string]tenant.Limits)
	for _, p := range tenancy.Plans() {
		l, _ := tenant.PlanLimits(p.Name)
		l, err := l.With(overrides)
		if err != nil {
			return nil, fmt.Errorf("plan limits: %w", err)
		}
		if c.OverDay != "" {
			l.RefuseOverDay = c.OverDay == overDayRefuse
		}
		plans[p.Name] = l
	}
	return plans, nil
}
