package postgres

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/millwright-io/millwright/controlplane/internal/device"
	"github.com/millwright-io/millwright/controlplane/internal/group"
	"github.com/millwright-io/millwright/tenancy"
)

// Who is in a group with a query is worked out in the transaction of the change that it depends on: of a device, all
// queries for that device; of a query, that query for all devices. A lock keeps the two apart, so that neither misses what
// the other is about to write; changes of devices do not wait for each other.

const (
	shareGroups = "select pg_advisory_xact_lock_shared(hashtextextended('groups.' || $1, 0))"
	lockGroups  = "select pg_advisory_xact_lock(hashtextextended('groups.' || $1, 0))"
)

// UseQueries has groups' queries read by q. Call it before the store is used.
func (s *Store) UseQueries(q group.Queries) { s.queries = q }

type groupQuery struct {
	group, text string
	member      bool
}

// regroup works out which queries find a device that has been changed. The caller holds the groups' lock, shared.
func (s *Store) regroup(ctx context.Context, tx pgx.Tx, id tenancy.ID, name string) error {
	const queries = `
select g.id, g.query, exists (select from group_members m where m.tenant_id = $1 and m.group_id = g.id and m.device_id = $2)
from groups g where g.tenant_id = $1 and g.query <> ''`
	rows, err := tx.Query(ctx, queries, id, name)
	if err != nil {
		return fmt.Errorf("read queries of groups: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (q groupQuery, err error) {
		err = row.Scan(&q.group, &q.text, &q.member)
		return q, err
	})
	if err != nil || len(list) == 0 {
		return err
	}
	if rows, err = tx.Query(ctx, deviceColumns+"where d.tenant_id = $1 and d.id = $2", id, name); err != nil {
		return fmt.Errorf("read device %s: %w", name, err)
	}
	d, err := pgx.CollectExactlyOneRow(rows, scanDevice)
	if err != nil {
		return fmt.Errorf("read device %s: %w", name, err)
	}
	for _, q := range list {
		compiled, err := s.queries.Compile(q.text)
		if err != nil {
			return fmt.Errorf("group %s: %w", q.group, err)
		}
		change := ""
		switch finds := d.Status != device.StatusRetired && compiled.Matches(d); {
		case finds && !q.member:
			change = "insert into group_members (tenant_id, group_id, device_id) values ($1, $2, $3)"
		case !finds && q.member:
			change = "delete from group_members where tenant_id = $1 and group_id = $2 and device_id = $3"
		default:
			continue
		}
		if _, err := tx.Exec(ctx, change, id, q.group, name); err != nil {
			return fmt.Errorf("change members of group %s: %w", q.group, err)
		}
	}
	return nil
}

// gather works out which devices a group's query finds, and announces those that come and go. The caller holds the groups'
// lock.
func (s *Store) gather(ctx context.Context, tx pgx.Tx, id tenancy.ID, g group.Group) error {
	if g.Query == "" {
		return nil
	}
	q, err := s.queries.Compile(g.Query)
	if err != nil {
		return err
	}
	found := []string{}
	if _, err := eachDevice(ctx, tx, id, func(d device.Device) {
		if q.Matches(d) {
			found = append(found, d.ID)
		}
	}); err != nil {
		return err
	}
	const settle = `
with wanted as (select unnest($3::text[]) as id),
gone as (delete from group_members m where m.tenant_id = $1 and m.group_id = $2
  and not exists (select from wanted w where w.id = m.device_id) returning device_id),
come as (insert into group_members (tenant_id, group_id, device_id) select $1, $2, id from wanted on conflict do nothing returning device_id)
select device_id from gone union all select device_id from come`
	return announceDevices(ctx, tx, id, settle, id, g.ID, found)
}

// eachDevice calls f with every device that is in use, and counts them. Only what queries know of is read.
func eachDevice(ctx context.Context, tx pgx.Tx, id tenancy.ID, f func(device.Device)) (total int, err error) {
	const query = `
select id, type, status, facility, line, station, labels, firmware from devices where tenant_id = $1 and status <> 'retired' order by id`
	rows, err := tx.Query(ctx, query, id)
	if err != nil {
		return 0, fmt.Errorf("read devices: %w", err)
	}
	var d device.Device
	fields := []any{&d.ID, &d.Type, &d.Status, &d.Location.Facility, &d.Location.Line, &d.Location.Station, &d.Labels, &d.Firmware}
	_, err = pgx.ForEachRow(rows, fields, func() error {
		total++
		f(d)
		d.Labels = nil // the next device has its own
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("read devices: %w", err)
	}
	return total, nil
}

// Find implements group.Store.
func (s *Store) Find(ctx context.Context, id tenancy.ID, q group.Query, first int) (f group.Found, err error) {
	err = s.inTenant(ctx, id, func(tx pgx.Tx) error {
		f.Total, err = eachDevice(ctx, tx, id, func(d device.Device) {
			if !q.Matches(d) {
				return
			}
			if f.Matching++; f.Matching <= first {
				f.First = append(f.First, d.ID)
			}
		})
		return err
	})
	return f, err
}

// memberships are the groups of every device, in order.
func memberships(ctx context.Context, tx pgx.Tx, query string, args ...any) (map[string][]string, error) {
	rows, err := tx.Query(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read members and gateways: %w", err)
	}
	var owner, member string
	all := map[string][]string{}
	_, err = pgx.ForEachRow(rows, []any{&owner, &member}, func() error {
		all[owner] = append(all[owner], member)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read members and gateways: %w", err)
	}
	for _, list := range all {
		slices.Sort(list)
	}
	return all, nil
}

// ExistingDevices implements bulk.Store.
func (s *Store) ExistingDevices(ctx context.Context, id tenancy.ID, names []string) (list []string, err error) {
	err = s.inTenant(ctx, id, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, "select id from devices where tenant_id = $1 and id = any($2)", id, names)
		if err != nil {
			return fmt.Errorf("look for devices: %w", err)
		}
		list, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	return list, err
}
