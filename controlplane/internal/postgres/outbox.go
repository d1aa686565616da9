package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/millwright-io/millwright/controlplane/internal/device"
	"github.com/millwright-io/millwright/controlplane/internal/distribute"
	"github.com/millwright-io/millwright/tenancy"
)

// announce leaves a change in the outbox, in the transaction that makes it.
func announce(ctx context.Context, tx pgx.Tx, id tenancy.ID, kind distribute.Kind, object string) error {
	const query = `insert into outbox (cell, tenant_id, kind, object_id) select cell, id, $2, $3 from tenants where id = $1`
	if _, err := tx.Exec(ctx, query, id, kind, object); err != nil {
		return fmt.Errorf("announce %s %s: %w", kind, object, err)
	}
	return nil
}

// lockCell lets one transaction at a time read for a cell, over all processes: what is sent last is then newest.
func lockCell(ctx context.Context, tx pgx.Tx, cell string) error {
	if _, err := tx.Exec(ctx, "select pg_advisory_xact_lock(hashtextextended('catalog.' || $1, 0))", cell); err != nil {
		return fmt.Errorf("lock cell %s: %w", cell, err)
	}
	return nil
}

type change struct {
	seq    int64
	tenant tenancy.ID
	kind   distribute.Kind
	object string
}

// Drain implements distribute.Outbox.
func (s *Store) Drain(ctx context.Context, cell string, limit int, deliver func(context.Context, []distribute.Entry) error) (n int, err error) {
	err = translate(pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if err := lockCell(ctx, tx, cell); err != nil {
			return err
		}
		changes, err := readChanges(ctx, tx, cell, limit)
		if err != nil || len(changes) == 0 {
			return err
		}
		n = len(changes)
		entries := make([]distribute.Entry, 0, n)
		seqs := make([]int64, 0, n)
		seen := make(map[change]bool, n)
		for _, c := range changes {
			seqs = append(seqs, c.seq)
			if c.seq = 0; seen[c] {
				continue // sent as it is now already
			}
			seen[c] = true
			e, err := s.readEntry(ctx, tx, c)
			if err != nil {
				return err
			}
			entries = append(entries, e)
		}
		if err := deliver(ctx, entries); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "delete from outbox where seq = any($1)", seqs); err != nil {
			return fmt.Errorf("empty outbox: %w", err)
		}
		return nil
	}))
	return n, err
}

func readChanges(ctx context.Context, tx pgx.Tx, cell string, limit int) ([]change, error) {
	rows, err := tx.Query(ctx, "select seq, coalesce(tenant_id, ''), kind, object_id from outbox where cell = $1 order by seq limit $2", cell, limit)
	if err != nil {
		return nil, fmt.Errorf("read outbox: %w", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (c change, err error) {
		err = row.Scan(&c.seq, &c.tenant, &c.kind, &c.object)
		return c, err
	})
}

// readEntry reads one object as it is now; one that is gone has only its name.
func (s *Store) readEntry(ctx context.Context, tx pgx.Tx, c change) (distribute.Entry, error) {
	if c.kind == distribute.KindVerifier {
		return readVerifier(ctx, tx, c.object)
	}
	e := distribute.Entry{Kind: c.kind, TenantID: c.tenant, ID: c.object}
	if err := set(ctx, tx, "millwright.tenant", string(c.tenant)); err != nil {
		return e, err
	}
	var err error
	switch c.kind {
	case distribute.KindTenant:
		e.Tenant, err = s.tenantEntry(ctx, tx, c.tenant)
	case distribute.KindDevice:
		if e.Device, err = found(readDevice(ctx, tx, c.tenant, c.object, forCell)); err == nil && e.Device != nil {
			err = readTies(ctx, tx, c.tenant, c.object, []*distribute.Entry{&e})
		}
	case distribute.KindType:
		e.Type, err = found(readType(ctx, tx, c.tenant, c.object))
	case distribute.KindGroup:
		e.Group, err = found(readGroup(ctx, tx, c.tenant, c.object))
	case distribute.KindKey:
		e.Key, err = found(readKey(ctx, tx, c.object))
	case distribute.KindMember:
		e.Member, err = found(readMember(ctx, tx, c.tenant, c.object))
	case distribute.KindRole:
		e.Role, err = found(readRole(ctx, tx, c.tenant, c.object))
	default:
		err = fmt.Errorf("outbox: kind %q is unknown", c.kind)
	}
	return e, err
}

// found makes an ErrNotFound a nil object.
func found[T any](v T, err error) (*T, error) {
	if errors.Is(err, tenancy.ErrNotFound) {
		return nil, nil
	}
	return &v, err
}

// delivered waits until the outbox holds nothing more of an object, of the tenant or the cell, or ctx is done: the cell's catalog
// has it then.
func (s *Store) delivered(ctx context.Context, id tenancy.ID, cell string, kind distribute.Kind, object string) error {
	const query = "select exists (select from outbox where (tenant_id = $1 or cell = $2) and kind = $3 and object_id = $4)"
	for pause := firstLook; ; pause = min(2*pause, lastLook) {
		var waiting bool
		if err := s.pool.QueryRow(ctx, query, id, cell, kind, object).Scan(&waiting); err != nil || !waiting {
			return translate(err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

const firstLook, lastLook = 2 * time.Millisecond, 50 * time.Millisecond

// Snapshot implements distribute.Outbox. It leaves the outbox alone: what is in there is sent again.
func (s *Store) Snapshot(ctx context.Context, cell string, deliver func(context.Context, []distribute.Entry) error) error {
	return translate(pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if err := lockCell(ctx, tx, cell); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, "select tenant_id from placements where cell = $1 order by tenant_id", cell)
		if err != nil {
			return fmt.Errorf("list tenants of cell %s: %w", cell, err)
		}
		ids, err := pgx.CollectRows(rows, pgx.RowTo[tenancy.ID])
		if err != nil {
			return fmt.Errorf("list tenants of cell %s: %w", cell, err)
		}
		entries, err := readVerifiers(ctx, tx)
		if err != nil {
			return err
		}
		for _, id := range ids {
			more, err := s.tenantEntries(ctx, tx, id)
			if err != nil {
				return err
			}
			entries = append(entries, more...)
		}
		return deliver(ctx, entries)
	}))
}

// tenantEntries reads all that a cell should know of one tenant.
func (s *Store) tenantEntries(ctx context.Context, tx pgx.Tx, id tenancy.ID) ([]distribute.Entry, error) {
	whole, err := s.readEntry(ctx, tx, change{tenant: id, kind: distribute.KindTenant})
	if err != nil || whole.Tenant == nil {
		return nil, err // what is not prepared yet, or removed, is not at the cell
	}
	list := []distribute.Entry{whole}
	types, err := readTypes(ctx, tx, id)
	if err != nil {
		return nil, err
	}
	for i := range types {
		list = append(list, distribute.Entry{Kind: distribute.KindType, TenantID: id, ID: types[i].ID, Type: &types[i]})
	}
	devices, err := readAllDevices(ctx, tx, id)
	if err != nil {
		return nil, err
	}
	first := len(list)
	for i := range devices {
		list = append(list, distribute.Entry{Kind: distribute.KindDevice, TenantID: id, ID: devices[i].ID, Device: &devices[i]})
	}
	tied := make([]*distribute.Entry, 0, len(devices))
	for i := first; i < len(list); i++ {
		tied = append(tied, &list[i])
	}
	if err := readTies(ctx, tx, id, "", tied); err != nil {
		return nil, err
	}
	groups, err := readGroups(ctx, tx, id)
	if err != nil {
		return nil, err
	}
	for i := range groups {
		list = append(list, distribute.Entry{Kind: distribute.KindGroup, TenantID: id, ID: groups[i].ID, Group: &groups[i]})
	}
	keys, err := readKeys(ctx, tx, id)
	if err != nil {
		return nil, err
	}
	for i := range keys {
		list = append(list, distribute.Entry{Kind: distribute.KindKey, TenantID: id, ID: keys[i].ID, Key: &keys[i]})
	}
	members, err := readMembers(ctx, tx, id)
	if err != nil {
		return nil, err
	}
	for i := range members {
		list = append(list, distribute.Entry{Kind: distribute.KindMember, TenantID: id, ID: members[i].ID, Member: &members[i]})
	}
	roles, err := readRoles(ctx, tx, id)
	if err != nil {
		return nil, err
	}
	for i := range roles {
		list = append(list, distribute.Entry{Kind: distribute.KindRole, TenantID: id, ID: roles[i].Name, Role: &roles[i]})
	}
	return list, nil
}

// readTies adds to entries of devices the groups that they are in, and for whom they speak; of one device, or of all when
// only is empty.
func readTies(ctx context.Context, tx pgx.Tx, id tenancy.ID, only string, entries []*distribute.Entry) error {
	of := func(query, column string) (map[string][]string, error) {
		if only == "" {
			return memberships(ctx, tx, query+" where tenant_id = $1", id)
		}
		return memberships(ctx, tx, query+" where tenant_id = $1 and "+column+" = $2", id, only)
	}
	groups, err := of("select device_id, group_id from group_members", "device_id")
	if err != nil {
		return err
	}
	devices, err := of("select gateway_id, device_id from gateway_devices", "gateway_id")
	if err != nil {
		return err
	}
	spoken, err := of("select gateway_id, group_id from gateway_groups", "gateway_id")
	if err != nil {
		return err
	}
	for _, e := range entries {
		e.Groups, e.SpeaksForDevices, e.SpeaksForGroups = groups[e.ID], devices[e.ID], spoken[e.ID]
	}
	return nil
}

func readAllDevices(ctx context.Context, tx pgx.Tx, id tenancy.ID) ([]device.Device, error) {
	rows, err := tx.Query(ctx, deviceColumns+"where d.tenant_id = $1 order by d.id", id)
	if err != nil {
		return nil, fmt.Errorf("list devices: %w", err)
	}
	devices, err := pgx.CollectRows(rows, scanDevice)
	if err != nil {
		return nil, fmt.Errorf("list devices: %w", err)
	}
	at := make(map[string]int, len(devices))
	for i, d := range devices {
		at[d.ID] = i
	}
	const query = `
select device_id, ` + certificateColumns + ` from certificates
where tenant_id = $1 and not_after > now() order by device_id, not_before, issued`
	if rows, err = tx.Query(ctx, query, id); err != nil {
		return nil, fmt.Errorf("list certificates: %w", err)
	}
	_, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (struct{}, error) {
		name, c, err := scanOwnedCertificate(row)
		if i, ok := at[name]; ok && err == nil {
			devices[i].Certificates = append(devices[i].Certificates, c)
		}
		return struct{}{}, err
	})
	return devices, err
}
