package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/millwright-io/millwright/tenancy"
)

// received says when the rows of each table came.
var received = map[string]string{
	tableEvents: "toDateTime(received)", tableMinutes: "stored", tableDeadLetters: "toDateTime(received)",
}

// Retain has the store remove what was received more than so many days ago; 0 keeps everything. It is idempotent.
func (s *Store) Retain(ctx context.Context, tenant tenancy.ID, days int) error {
	database := tenant.Database()
	for _, table := range []string{tableEvents, tableMinutes, tableDeadLetters} {
		var engine string
		err := s.admin.QueryRow(ctx, "select engine_full from system.tables where database = ? and name = ?", database, table).Scan(&engine)
		if err != nil {
			return fmt.Errorf("read retention of %s.%s: %w", database, table, err)
		}
		has, wants := strings.Contains(engine, " TTL "), days > 0
		if has == wants && (!wants || strings.Contains(engine, fmt.Sprintf("toIntervalDay(%d)", days))) {
			continue
		}
		statement := "alter table " + database + "." + table + " remove ttl"
		if wants {
			statement = fmt.Sprintf("alter table %s.%s modify ttl %s + toIntervalDay(%d)", database, table, received[table], days)
		}
		if err := s.admin.Exec(ctx, statement); err != nil {
			return fmt.Errorf("set retention of %s.%s to %d days: %w", database, table, days, err)
		}
	}
	return nil
}

// Bar keeps the tenant's own user from reading; Provision lets it again.
func (s *Store) Bar(ctx context.Context, tenant tenancy.ID) error {
	database := tenant.Database()
	if err := s.admin.Exec(ctx, "revoke select on "+database+".* from "+database); err != nil {
		return fmt.Errorf("bar user %s: %w", database, err)
	}
	return nil
}

// Freed is how much a removal removed.
type Freed struct{ Tables, Rows, Bytes int64 }

// Remove drops the tenant's database and user and looks that nothing is left. It is idempotent; f is what this call found.
func (s *Store) Remove(ctx context.Context, tenant tenancy.ID) (f Freed, err error) {
	s.forget(tenant)
	database := tenant.Database()
	const size = "select toInt64(count()), toInt64(ifNull(sum(total_rows), 0)), toInt64(ifNull(sum(total_bytes), 0)) from system.tables where database = ?"
	if err := s.admin.QueryRow(ctx, size, database).Scan(&f.Tables, &f.Rows, &f.Bytes); err != nil {
		return f, fmt.Errorf("measure database %s: %w", database, err)
	}
	for _, statement := range []string{"drop user if exists " + database, "drop database if exists " + database + " sync"} {
		if err := s.admin.Exec(ctx, statement); err != nil {
			return f, fmt.Errorf("remove tenant %s: %w", tenant, err)
		}
	}
	var left int64
	const count = "select toInt64(count()) from system.databases where name = ?"
	if err := s.admin.QueryRow(ctx, count, database).Scan(&left); err != nil {
		return f, fmt.Errorf("look for database %s: %w", database, err)
	}
	if left > 0 {
		return f, fmt.Errorf("database %s is still there after it was dropped", database)
	}
	conn, err := s.open(database, s.Password(tenant), "default", 1, queryTimeout)
	if err != nil {
		return f, err
	}
	defer func() { _ = conn.Close() }()
	if conn.Ping(ctx) == nil {
		return f, errors.New("the tenant's user can still log in after it was dropped")
	}
	return f, nil
}

// forget closes the tenant's own connections.
func (s *Store) forget(tenant tenancy.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r, ok := s.readers[tenant]; ok {
		_ = r.conn.Close()
		delete(s.readers, tenant)
	}
}
