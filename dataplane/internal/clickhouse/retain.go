package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/millwright-io/millwright/tenancy"
)

// Tier says when rows move to another volume of the store; the zero value: never.
type Tier struct {
	// Policy is a storage policy of the store, which must have all disks that the tables are on now; Volume is one of its volumes.
	Policy, Volume string
	AfterDays      int
}

// ErrLacks is wrapped by errors of a store that does not have what the configuration names.
var ErrLacks = errors.New("the store does not have it")

// Check looks whether the store has what the configuration names.
func (s *Store) Check(ctx context.Context) error {
	if err := s.checkTier(ctx); err != nil {
		return err
	}
	return s.checkCompact(ctx)
}

// checkTier looks whether the store has the tier's policy and volume.
func (s *Store) checkTier(ctx context.Context) error {
	t := s.cfg.Tier
	if t == (Tier{}) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	var volumes []string
	err := collect(ctx, s.admin, "select volume_name from system.storage_policies where policy_name = ?", []any{t.Policy}, func(rows Rows) error {
		var volume string
		err := rows.Scan(&volume)
		volumes = append(volumes, volume)
		return err
	})
	switch {
	case err != nil:
		return err
	case len(volumes) == 0:
		return fmt.Errorf("storage policy %q: %w: configure it in ClickHouse (the embedded store has only \"default\"), or leave the cell's storage policy empty", t.Policy, ErrLacks)
	case !slices.Contains(volumes, t.Volume):
		return fmt.Errorf("volume %q of storage policy %q: %w: it has %s", t.Volume, t.Policy, ErrLacks, strings.Join(volumes, ", "))
	}
	return nil
}

// lasting are the tables whose rows go after some time, when their rows came, and whether they are many enough to move.
var lasting = []struct {
	table, came string
	moves       bool
	days        func(tenancy.Kept) int
}{
	{tableEvents, "toDateTime(received)", true, func(k tenancy.Kept) int { return k.Events }},
	{tableMinutes, "stored", true, func(k tenancy.Kept) int { return k.Minutes }},
	{tableHours, "stored", true, func(k tenancy.Kept) int { return k.Hours }},
	{tableDeadLetters, "toDateTime(received)", false, func(k tenancy.Kept) int { return k.Events }},
}

// Retain has the store remove what came more than so many days ago, 0 keeps everything, and move what is older than the tier says. It
// is idempotent.
func (s *Store) Retain(ctx context.Context, tenant tenancy.ID, kept tenancy.Kept) error {
	if err := s.checkTier(ctx); err != nil {
		return err
	}
	for _, l := range lasting {
		if err := s.retain(ctx, tenant.Database()+"."+l.table, l.came, l.days(kept), l.moves); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) retain(ctx context.Context, table, came string, days int, moves bool) error {
	database, name, _ := strings.Cut(table, ".")
	var engine string
	err := s.admin.QueryRow(ctx, "select engine_full from system.tables where database = ? and name = ?", database, name).Scan(&engine)
	if err != nil {
		return fmt.Errorf("read retention of %s: %w", table, err)
	}
	tier := s.cfg.Tier
	var rules []string
	if moves && tier.AfterDays > 0 && (days == 0 || tier.AfterDays < days) {
		if policy := "storage_policy = '" + tier.Policy + "'"; !strings.Contains(engine, policy) && tier.Policy != "default" {
			if err := s.admin.Exec(ctx, "alter table "+table+" modify setting "+policy); err != nil {
				return fmt.Errorf("put %s under storage policy %q: %w", table, tier.Policy, err)
			}
		}
		rules = append(rules, fmt.Sprintf("%s + toIntervalDay(%d) TO VOLUME '%s'", came, tier.AfterDays, tier.Volume))
	}
	if days > 0 {
		rules = append(rules, fmt.Sprintf("%s + toIntervalDay(%d)", came, days))
	}
	want := strings.Join(rules, ", ")
	has := strings.Contains(engine, " TTL ")
	if has == (want != "") && (!has || strings.Contains(engine, " TTL "+want+" SETTINGS")) {
		return nil
	}
	statement := "alter table " + table + " remove ttl"
	if want != "" {
		statement = "alter table " + table + " modify ttl " + want
	}
	if err := s.admin.Exec(ctx, statement); err != nil {
		return fmt.Errorf("set retention of %s to %d days: %w", table, days, err)
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
	for _, statement := range []string{"drop user if exists " + database, "drop user if exists " + quietUser(database), "drop quota if exists " + database, "drop database if exists " + database + " sync"} {
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
	for _, key := range []readerKey{{tenant, false}, {tenant, true}} {
		if r, ok := s.readers[key]; ok {
			_ = r.conn.Close()
			delete(s.readers, key)
		}
	}
}
