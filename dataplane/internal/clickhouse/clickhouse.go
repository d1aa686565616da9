// Package clickhouse is the cell's analytical store: one database and one read-only user a tenant, over ClickHouse's
// HTTP interface. Rows go in as Native blocks of its own making, everything else goes through clickhouse-go. The commit
// runner, the query handlers and the composition root import it.
package clickhouse

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	clickhousego "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/millwright-io/millwright/migrations"
	"github.com/millwright-io/millwright/tenancy"
)

// Config says where the store is.
type Config struct {
	// URL of the HTTP interface, without a path.
	URL string
	// User provisions and inserts.
	User     string
	Password string
	// Secret is what tenants' passwords are derived from.
	Secret []byte
	// QueriesPerTenant is how many of a tenant's queries run at once; more of them wait. 0 means 4.
	QueriesPerTenant int
	// Tier is where old rows move.
	Tier Tier
	// CompactValues stores the values of events with a codec that ClickHouse calls experimental.
	CompactValues bool
}

const (
	dialTimeout = 5 * time.Second
	// insertTimeout is when an insert is given up and tried again with the same token.
	insertTimeout = 60 * time.Second
	// queryTimeout bounds a tenant's query, here and in the store.
	queryTimeout = 30 * time.Second
	// answerTimeout is when an answer is no longer waited for; patience the same where many rows are moved.
	answerTimeout = queryTimeout + 5*time.Second
	patience      = time.Hour
	// minSecret is the least length of the secret.
	minSecret = 32
)

// Store is safe for concurrent use.
type Store struct {
	cfg   Config
	http  *http.Client
	admin driver.Conn
	// patient waits long for an answer: for migrations and sums over many rows.
	patient driver.Conn
	blocks  sync.Pool

	mu      sync.Mutex
	readers map[readerKey]*reader
	uses    uint64
}

// New returns a store; it connects when it is first used.
func New(cfg Config) (*Store, error) {
	if len(cfg.Secret) < minSecret {
		return nil, fmt.Errorf("store secret has %d bytes: want %d or more", len(cfg.Secret), minSecret)
	}
	if cfg.QueriesPerTenant == 0 {
		cfg.QueriesPerTenant = 4
	}
	s := &Store{cfg: cfg, readers: map[readerKey]*reader{}}
	s.http = &http.Client{
		Timeout: insertTimeout,
		Transport: &http.Transport{
			DialContext: (&net.Dialer{Timeout: dialTimeout}).DialContext, MaxIdleConnsPerHost: 32, IdleConnTimeout: time.Minute,
			DisableCompression: true, WriteBufferSize: 256 << 10,
		},
	}
	var err error
	if s.admin, err = s.open(cfg.User, cfg.Password, "default", 4, answerTimeout); err != nil {
		return nil, err
	}
	if s.patient, err = s.open(cfg.User, cfg.Password, "default", 2, patience); err != nil {
		return nil, err
	}
	return s, nil
}

// Close closes every connection.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	errs := []error{s.admin.Close(), s.patient.Close()}
	for _, r := range s.readers {
		errs = append(errs, r.conn.Close())
	}
	s.readers = map[readerKey]*reader{}
	s.http.CloseIdleConnections()
	return errors.Join(errs...)
}

// Ping says whether the store answers.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.admin.Ping(ctx); err != nil {
		return fmt.Errorf("ping clickhouse: %w", err)
	}
	return nil
}

func (s *Store) open(user, password, database string, conns int, timeout time.Duration) (driver.Conn, error) {
	u, err := url.Parse(s.cfg.URL)
	if err != nil {
		return nil, fmt.Errorf("clickhouse url: %w", err)
	}
	options := &clickhousego.Options{
		Protocol: clickhousego.HTTP, Addr: []string{u.Host},
		Auth:        clickhousego.Auth{Username: user, Password: password, Database: database},
		DialTimeout: dialTimeout, ReadTimeout: timeout,
		// What the cache remembers of a condition can be older than the subquery in it: rows that came since go missing.
		Settings:     clickhousego.Settings{"use_query_condition_cache": 0},
		MaxOpenConns: conns, MaxIdleConns: conns, ConnMaxLifetime: time.Hour,
	}
	if u.Scheme == "https" {
		options.TLS = tlsConfig()
	}
	conn, err := clickhousego.Open(options)
	if err != nil {
		return nil, fmt.Errorf("open clickhouse for %s: %w", user, err)
	}
	return conn, nil
}

// quotaInterval is in which time a tenant may use what its statements may take, and how much of that it can save up.
const quotaInterval = 5 * time.Second

// Allow bounds for how long the statements of the tenant's user may run, each second on average; 0: for as long as they do. Those of
// the cell's own work run as another user.
func (s *Store) Allow(ctx context.Context, tenant tenancy.ID, each time.Duration) error {
	database := tenant.Database()
	statement := "drop quota if exists " + database
	if each > 0 {
		statement = fmt.Sprintf("create quota or replace %s for interval %d second max execution_time = %.6f to %s",
			database, int(quotaInterval.Seconds()), (each * time.Duration(quotaInterval.Seconds())).Seconds(), database)
	}
	if err := s.admin.Exec(ctx, statement); err != nil {
		return fmt.Errorf("set quota of user %s: %w", database, err)
	}
	return nil
}

// Provision creates the tenant's database, tables and its two users, which may read: its own, and that of the cell's own work for it,
// or brings them up to date. It is idempotent; its statements are those of a ClickHouse server.
func (s *Store) Provision(ctx context.Context, tenant tenancy.ID) error {
	database := tenant.Database()
	if err := migrations.ClickHouseTenant(ctx, s.patient, database); err != nil {
		return err
	}
	if err := s.encode(ctx, database); err != nil {
		return err
	}
	for _, user := range []string{database, quietUser(database)} {
		sum := sha256.Sum256([]byte(s.password(user, tenant)))
		identified := "identified with sha256_hash by '" + hex.EncodeToString(sum[:]) + "'"
		for _, statement := range []string{
			"create user if not exists " + user + " " + identified,
			"alter user " + user + " " + identified,
			"grant select on " + database + ".* to " + user,
		} {
			if err := s.admin.Exec(ctx, statement); err != nil {
				return fmt.Errorf("provision user %s: %w", user, err)
			}
		}
	}
	return nil
}

// quietUser is who the cell's own work for a tenant reads as: it reaches no further than the tenant, and uses up nothing of the tenant's.
func quietUser(database string) string { return database + "_cell" }

// Databases is how many tenants' databases there are.
func (s *Store) Databases(ctx context.Context) (int, error) {
	var n uint64
	err := s.admin.QueryRow(ctx, "select count() from system.databases where startsWith(name, 'tenant_')").Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count databases: %w", err)
	}
	return int(n), nil //nolint:gosec // a count
}

// Password is that of the tenant's own user, whose name is the database's.
func (s *Store) Password(tenant tenancy.ID) string { return s.password(tenant.Database(), tenant) }

func (s *Store) password(user string, tenant tenancy.ID) string {
	purpose := "clickhouse/"
	if user != tenant.Database() {
		purpose = "clickhouse-cell/"
	}
	mac := hmac.New(sha256.New, s.cfg.Secret)
	_, _ = mac.Write([]byte(purpose + string(tenant))) // a hash never fails
	return hex.EncodeToString(mac.Sum(nil))
}
