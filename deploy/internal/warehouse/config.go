package warehouse

import (
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"time"
)

// Config says where the endpoint keeps its data, where it listens and what it allows. Zero values get the defaults
// that each field names.
type Config struct {
	// Address is host:port to listen on; it must be a loopback address, for the interface is not encrypted.
	// Default 127.0.0.1:8123; port 0 picks a free one.
	Address string
	// DataDir holds everything: the engine's files, the users and the lock. It is created if missing.
	DataDir string
	// Library is the path of libchdb.so. Empty: the npm package under deploy/tools/engine, at or above SearchFrom.
	Library string
	// SearchFrom is the directory from which Library is searched. Default: the working directory.
	SearchFrom string
	// AdminUser may run any statement. Default "default", as a fresh ClickHouse server has it.
	AdminUser string
	// AdminPasswordFile holds the admin's password on its first line; without the file, a random one is written there
	// with mode 0600. Default DataDir/admin.password.
	AdminPasswordFile string
	// MemoryLimit bounds the engine's memory in bytes. Default 2 GiB.
	MemoryLimit int64
	// QueryMemoryLimit bounds one statement's memory in bytes. Default half of MemoryLimit.
	QueryMemoryLimit int64
	// MaxThreads bounds the threads of one statement. Default: the engine's choice, one a core.
	MaxThreads int
	// MaxConcurrentQueries is the number of the admin's statements that run at once: inserts, above all. Default 16.
	MaxConcurrentQueries int
	// TenantQueries is the number of all other users' statements that run at once; one user has a quarter of them at most, and
	// who took least of the engine's time lately comes first. Default: two a core.
	TenantQueries int
	// TenantThreads bounds the threads of one statement of such a user. Default: half the cores.
	TenantThreads int
	// MaxQueuedQueries is the number of statements that may wait for their turn, of the admin and of each user; more are
	// refused. Default 64.
	MaxQueuedQueries int
	// QueueTimeout is how long a statement may wait for its turn. Default 10 s.
	QueueTimeout time.Duration
	// MaxQueryBytes bounds a statement's text without the rows of an INSERT. Default 1 MiB.
	MaxQueryBytes int64
	// MaxBodyBytes bounds the uncompressed rows of one INSERT. Default 1 GiB.
	MaxBodyBytes int64
	// MaxResultBytes bounds a result, as the engine counts it before it is put into a format: every result of a user that
	// is not the admin, and the admin's in formats that cannot be streamed (JSON, Parquet, XML). Default 256 MiB.
	MaxResultBytes int64
	// TenantMaxSeconds bounds the time of one statement of a user that is not the admin. Default 60.
	TenantMaxSeconds int
	// MaxSessions bounds the sessions (session_id) that are open at once. Default 64.
	MaxSessions int
	// DrainTimeout is how long running statements may take to finish when the server stops or its engine reloads the
	// grants. Default 5 s.
	DrainTimeout time.Duration
}

func (c Config) withDefaults() Config {
	setDefault(&c.Address, "127.0.0.1:8123")
	setDefault(&c.SearchFrom, ".")
	setDefault(&c.AdminUser, "default")
	setDefault(&c.AdminPasswordFile, c.DataDir+"/admin.password")
	setDefault(&c.MemoryLimit, 2<<30)
	setDefault(&c.QueryMemoryLimit, c.MemoryLimit/2)
	setDefault(&c.MaxConcurrentQueries, 16)
	setDefault(&c.TenantQueries, 2*runtime.NumCPU())
	setDefault(&c.TenantThreads, max(1, runtime.NumCPU()/2))
	if c.MaxThreads > 0 {
		c.TenantThreads = min(c.TenantThreads, c.MaxThreads)
	}
	setDefault(&c.MaxQueuedQueries, 64)
	setDefault(&c.QueueTimeout, 10*time.Second)
	setDefault(&c.MaxQueryBytes, 1<<20)
	setDefault(&c.MaxBodyBytes, 1<<30)
	setDefault(&c.MaxResultBytes, 256<<20)
	setDefault(&c.TenantMaxSeconds, 60)
	setDefault(&c.MaxSessions, 64)
	setDefault(&c.DrainTimeout, 5*time.Second)
	return c
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Validate reports everything that is wrong with the configuration, a sentence each.
func (c Config) Validate() error {
	var errs []error
	if c.DataDir == "" {
		errs = append(errs, errors.New("clickhouse endpoint: no data directory; name one with --data"))
	}
	host, _, err := net.SplitHostPort(c.Address)
	if err != nil {
		errs = append(errs, fmt.Errorf("clickhouse endpoint: address %q is not host:port", c.Address))
	} else if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		errs = append(errs, fmt.Errorf("clickhouse endpoint: address %q is not on loopback; the interface is not encrypted, use 127.0.0.1", c.Address))
	}
	if c.MemoryLimit < 256<<20 {
		errs = append(errs, fmt.Errorf("clickhouse endpoint: memory limit of %d bytes is too small; give at least 256 MiB", c.MemoryLimit))
	}
	if c.Library != "" {
		if _, err := os.Stat(c.Library); err != nil {
			errs = append(errs, fmt.Errorf("clickhouse endpoint: library: %w", err))
		}
	}
	return errors.Join(errs...)
}
