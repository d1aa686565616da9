// Package postgres keeps the control plane's nouns. Every statement on a tenant's rows runs in a transaction that names
// the tenant to the database, whose row-level security shows it that tenant's rows and no other's. It is this module's
// only home of pgx.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/millwright-io/millwright/controlplane/internal/group"
	"github.com/millwright-io/millwright/controlplane/internal/tenant"
	"github.com/millwright-io/millwright/migrations"
	"github.com/millwright-io/millwright/tenancy"
)

// Store is the control plane's database. It implements the Store of every noun.
type Store struct {
	pool    *pgxpool.Pool
	plans   map[string]tenant.Limits
	changed chan struct{}
	mail    chan struct{}
	jobs    chan struct{}
	queries group.Queries
	work    chan struct{}
	// caller is told of callers that a transaction of this process changed.
	caller func(kind, id string)
}

// Open connects as the application's role, which owns nothing and bypasses no policy. plans holds the limits of each
// plan. Close it.
func Open(ctx context.Context, dsn string, plans map[string]tenant.Limits) (*Store, error) {
	return open(ctx, dsn, plans, becomeApp)
}

// OpenAsOwner connects as the user of the DSN, who owns the tables, for maintenance that the application may not do
// itself. Row-level security holds for the owner, too. Close it.
func OpenAsOwner(ctx context.Context, dsn string) (*Store, error) {
	return open(ctx, dsn, nil, nil)
}

func open(ctx context.Context, dsn string, plans map[string]tenant.Limits, prepare func(context.Context, *pgx.Conn) error) (*Store, error) {
	cfg, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		// The error of pgx repeats the URL without its password.
		return nil, fmt.Errorf("postgres URL: %w", err)
	}
	cfg.ConnConfig.RuntimeParams["application_name"] = "millwright-controlplane"
	cfg.ConnConfig.RuntimeParams["timezone"] = "UTC"
	cfg.AfterConnect = prepare
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("open postgres: %w", err)
	}
	s := &Store{
		pool: pool, plans: plans, changed: make(chan struct{}, 1), mail: make(chan struct{}, 1),
		jobs: make(chan struct{}, 1), work: make(chan struct{}, 1), caller: func(string, string) {},
	}
	if err := s.Ping(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("connect to postgres: %w", err)
	}
	return s, nil
}

func becomeApp(ctx context.Context, conn *pgx.Conn) error {
	if _, err := conn.Exec(ctx, "set role "+migrations.AppRole); err != nil {
		return fmt.Errorf("become %s: %w", migrations.AppRole, err)
	}
	var unbound bool
	err := conn.QueryRow(ctx, "select rolsuper or rolbypassrls from pg_roles where rolname = current_user").Scan(&unbound)
	if err == nil && unbound {
		err = fmt.Errorf("the role %s bypasses row-level security: take that right from it", migrations.AppRole)
	}
	return err
}

// Pool is for the billing module, which keeps its ledger in the same database under the same rules.
func (s *Store) Pool() *pgxpool.Pool { return s.pool }

// Ping reports whether the database answers.
func (s *Store) Ping(ctx context.Context) error { return s.pool.Ping(ctx) }

// Close waits for running statements and closes the connections.
func (s *Store) Close() { s.pool.Close() }

// Changed wakes the distributor after a transaction of this process left something in the outbox.
func (s *Store) Changed() <-chan struct{} { return s.changed }

func (s *Store) wake() {
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// inTenant runs f in a transaction that sees one tenant's rows: one of its own, or within that of a job's batch.
func (s *Store) inTenant(ctx context.Context, id tenancy.ID, f func(tx pgx.Tx) error) error {
	if a, ok := ctx.Value(ambientKey{}).(ambient); ok {
		if a.tenant != id {
			return fmt.Errorf("a job of one organisation asks for another's rows: %w", tenancy.ErrForbidden)
		}
		return translate(f(a.tx)) // an error ends the item, whose savepoint takes all of it back
	}
	return s.in(ctx, "millwright.tenant", string(id), f)
}

// inPerson runs f in a transaction that sees a person's own memberships and sessions.
func (s *Store) inPerson(ctx context.Context, person string, f func(tx pgx.Tx) error) error {
	return s.in(ctx, "millwright.person", person, f)
}

func (s *Store) in(ctx context.Context, setting, value string, f func(tx pgx.Tx) error) error {
	if value == "" {
		return fmt.Errorf("%s is empty: %w", setting, tenancy.ErrForbidden)
	}
	return translate(pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if err := set(ctx, tx, setting, value); err != nil {
			return err
		}
		return f(tx)
	}))
}

// set holds until the transaction ends.
func set(ctx context.Context, tx pgx.Tx, setting, value string) error {
	if _, err := tx.Exec(ctx, "select set_config($1, $2, true)", setting, value); err != nil {
		return fmt.Errorf("set %s: %w", setting, err)
	}
	return nil
}

// translate makes an unreachable database an ErrUnavailable, so that callers are told to try again.
func translate(err error) error {
	var connect *pgconn.ConnectError
	var pg *pgconn.PgError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &connect), errors.Is(err, context.DeadlineExceeded):
		return errors.Join(fmt.Errorf("the database does not answer, try again: %w", tenancy.ErrUnavailable), err)
	case errors.As(err, &pg) && (pg.Code == "57P01" || pg.Code == "57P03" || pg.Code == "53300"):
		return errors.Join(fmt.Errorf("the database does not take requests now, try again: %w", tenancy.ErrUnavailable), err)
	default:
		return err
	}
}

// violates reports whether err is a unique or primary key violation of that constraint.
func violates(err error, constraint string) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "23505" && pg.ConstraintName == constraint
}

// refers reports whether err is a foreign key violation of that constraint.
func refers(err error, constraint string) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "23503" && pg.ConstraintName == constraint
}

// notFound makes an empty answer an ErrNotFound with a sentence.
func notFound(err error, format string, args ...any) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), tenancy.ErrNotFound)
	}
	return err
}

// time0 reads a null as the zero time.
func time0(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}

// timeN writes the zero time as null.
func timeN(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
