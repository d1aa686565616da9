package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/millwright-io/millwright/controlplane/internal/audit"
	"github.com/millwright-io/millwright/controlplane/internal/facility"
	"github.com/millwright-io/millwright/controlplane/internal/name"
	"github.com/millwright-io/millwright/tenancy"
)

// A place's path: the names from the facility down. Devices at a place and below it are counted by those names.
const placePaths = `
with recursive path as (
  select p.*, array[p.name] as names from places p where p.tenant_id = $1 and p.parent_id = ''
  union all
  select p.*, path.names || p.name from places p join path on p.tenant_id = $1 and p.parent_id = path.id
)`

const selectPlaces = placePaths + `, standing as (
  select facility, line, station, count(*) as devices from devices where tenant_id = $1 and status <> 'retired'
  group by grouping sets ((facility), (facility, line), (facility, line, station))
)
select p.id, p.kind, p.parent_id, p.name, p.latitude, p.longitude, p.version, p.created_at, p.names, coalesce(s.devices, 0)
from path p left join standing s on s.facility = p.names[1] and s.line is not distinct from p.names[2]
  and s.station is not distinct from p.names[3]
order by p.names`

func scanPlace(row pgx.CollectableRow) (p facility.Place, err error) {
	var latitude, longitude *float64
	err = row.Scan(&p.ID, &p.Kind, &p.Parent, &p.Name, &latitude, &longitude, &p.Version, &p.CreatedAt, &p.Path, &p.Devices)
	if latitude != nil && longitude != nil {
		p.Coordinates = &facility.Coordinates{Latitude: *latitude, Longitude: *longitude}
	}
	return p, err
}

// Places implements facility.Store.
func (s *Store) Places(ctx context.Context, id tenancy.ID) (list []facility.Place, err error) {
	err = s.inTenant(ctx, id, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, selectPlaces, id)
		if err != nil {
			return fmt.Errorf("list places: %w", err)
		}
		list, err = pgx.CollectRows(rows, scanPlace)
		return err
	})
	return list, err
}

const insertPlace = `
insert into places (tenant_id, id, kind, parent_id, name, folded, latitude, longitude, version, created_at)
values (@tenant, @id, @kind, @parent, @name, @folded, @latitude, @longitude, @version, @created_at)`

func placeArgs(id tenancy.ID, p facility.Place) pgx.NamedArgs {
	args := pgx.NamedArgs{
		"tenant": id, "id": p.ID, "kind": p.Kind, "parent": p.Parent, "name": p.Name, "folded": name.Fold(p.Name),
		"latitude": nil, "longitude": nil, "version": p.Version, "created_at": p.CreatedAt,
	}
	if c := p.Coordinates; c != nil {
		args["latitude"], args["longitude"] = c.Latitude, c.Longitude
	}
	return args
}

// InsertPlace implements facility.Store.
func (s *Store) InsertPlace(ctx context.Context, id tenancy.ID, p facility.Place, e audit.Entry) error {
	return s.inTenant(ctx, id, func(tx pgx.Tx) error {
		if _, err := s.lockTenant(ctx, tx, id); err != nil {
			return err
		}
		if err := underLimit(ctx, tx, tenancy.LimitPlaces, id, facility.Most); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, insertPlace, placeArgs(id, p)); err != nil {
			return taken(err, p)
		}
		return appendAudit(ctx, tx, e)
	})
}

func taken(err error, p facility.Place) error {
	if violates(err, "places_folded_key") {
		return fmt.Errorf("there is a %s %s here already, in this case or another: choose another name: %w", p.Kind, p.Name, tenancy.ErrExists)
	}
	return fmt.Errorf("write %s %s: %w", p.Kind, p.Name, err)
}

const updatePlace = `
update places set name = @name, folded = @folded, parent_id = @parent, latitude = @latitude, longitude = @longitude, version = @version
where tenant_id = @tenant and id = @id and version = @version - 1`

// ChangePlace implements facility.Store.
func (s *Store) ChangePlace(ctx context.Context, id tenancy.ID, p facility.Place, e audit.Entry) error {
	var people []string
	err := s.inTenant(ctx, id, func(tx pgx.Tx) error {
		if _, err := s.lockTenant(ctx, tx, id); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, shareGroups, id); err != nil {
			return fmt.Errorf("lock groups: %w", err)
		}
		before, err := pathOf(ctx, tx, id, p.ID)
		if err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, updatePlace, placeArgs(id, p))
		if err != nil {
			return taken(err, p)
		}
		if tag.RowsAffected() == 0 {
			return facility.ErrStale
		}
		after, err := pathOf(ctx, tx, id, p.ID)
		if err != nil {
			return err
		}
		if people, err = s.takeAlong(ctx, tx, id, before, after); err != nil {
			return err
		}
		return appendAudit(ctx, tx, e)
	})
	if err == nil {
		for _, person := range people {
			s.caller("person", person)
		}
		s.caller("tenant", string(id)) // keys
		s.wake()
	}
	return err
}

// pathOf returns the names of a place, always three, empty below it.
func pathOf(ctx context.Context, tx pgx.Tx, id tenancy.ID, place string) (names [3]string, err error) {
	var list []string
	err = tx.QueryRow(ctx, placePaths+"select names from path where id = $2", id, place).Scan(&list)
	if err != nil {
		return names, notFound(fmt.Errorf("read the path of place %s: %w", place, err), "there is no place %s", place)
	}
	copy(names[:], list)
	return names, nil
}

const moveDevices = `
update devices set facility = $5, line = case when $3 = '' then line else $6 end, station = case when $4 = '' then station else $7 end,
  version = version + 1
where tenant_id = $1 and facility = $2 and ($3 = '' or line = $3) and ($4 = '' or station = $4) returning id`

// takeAlong gives the devices of a place, what is made from templates, and who is confined to it, its new names. It returns those people.
func (s *Store) takeAlong(ctx context.Context, tx pgx.Tx, id tenancy.ID, before, after [3]string) (people []string, err error) {
	if before == after {
		return nil, nil
	}
	rows, err := tx.Query(ctx, moveDevices, id, before[0], before[1], before[2], after[0], after[1], after[2])
	if err != nil {
		return nil, fmt.Errorf("take devices along: %w", err)
	}
	devices, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("take devices along: %w", err)
	}
	for _, d := range devices {
		if err := s.regroup(ctx, tx, id, d); err != nil {
			return nil, err
		}
		if err := announce(ctx, tx, id, "device", d); err != nil {
			return nil, err
		}
	}
	const templates = `
update provisioning_templates
set facility = $5, line = case when $3 = '' then line else $6 end, station = case when $4 = '' then station else $7 end
where tenant_id = $1 and facility = $2 and ($3 = '' or line = $3) and ($4 = '' or station = $4)`
	if _, err := tx.Exec(ctx, templates, id, before[0], before[1], before[2], after[0], after[1], after[2]); err != nil {
		return nil, fmt.Errorf("take provisioning templates along: %w", err)
	}
	if before[1] != "" {
		return nil, nil // callers are confined to facilities
	}
	return renameForCallers(ctx, tx, id, before[0], after[0])
}

// renameForCallers gives whoever is confined to a facility its new name: members, who is invited, service accounts and keys. The
// database tells the cells of members and service accounts. It returns the members.
func renameForCallers(ctx context.Context, tx pgx.Tx, id tenancy.ID, before, after string) (people []string, err error) {
	rename := func(table, key string) (list []string, err error) {
		query := "update " + table + " set facilities = array_replace(facilities, $2, $3) where tenant_id = $1 and $2 = any(facilities) returning " + key
		rows, err := tx.Query(ctx, query, id, before, after)
		if err == nil {
			list, err = pgx.CollectRows(rows, pgx.RowTo[string])
		}
		if err != nil {
			return nil, fmt.Errorf("rename a facility for %s: %w", table, err)
		}
		return list, nil
	}
	if _, err := rename("invitations", "id"); err != nil {
		return nil, err
	}
	if _, err := rename("service_accounts", "id"); err != nil {
		return nil, err
	}
	keys, err := rename("keys", "id")
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		if err := announce(ctx, tx, id, "key", k); err != nil {
			return nil, err
		}
	}
	return rename("members", "person_id")
}

const inPlace = `
select (select count(*) from places where tenant_id = $1 and parent_id = $5),
  (select count(*) from devices where tenant_id = $1 and status <> 'retired' and facility = $2 and ($3 = '' or line = $3) and ($4 = '' or station = $4)),
  (select count(*) from members where tenant_id = $1 and $3 = '' and $2 = any(facilities))
  + (select count(*) from invitations where tenant_id = $1 and $3 = '' and $2 = any(facilities)),
  (select count(*) from keys where tenant_id = $1 and $3 = '' and $2 = any(facilities))
  + (select count(*) from service_accounts where tenant_id = $1 and $3 = '' and $2 = any(facilities))`

// DeletePlace implements facility.Store.
func (s *Store) DeletePlace(ctx context.Context, id tenancy.ID, place string, e audit.Entry) error {
	return s.inTenant(ctx, id, func(tx pgx.Tx) error {
		if _, err := s.lockTenant(ctx, tx, id); err != nil {
			return err
		}
		path, err := pathOf(ctx, tx, id, place)
		if err != nil {
			return err
		}
		var places, devices, people, keys int
		if err := tx.QueryRow(ctx, inPlace, id, path[0], path[1], path[2], place).Scan(&places, &devices, &people, &keys); err != nil {
			return fmt.Errorf("look into place %s: %w", place, err)
		}
		if places+devices+people+keys > 0 {
			return fmt.Errorf("the place is not empty: %d places and %d devices are in it and %d people and %d keys or service accounts are confined to it: move those first: %w",
				places, devices, people, keys, tenancy.ErrConflict)
		}
		if _, err := tx.Exec(ctx, "delete from places where tenant_id = $1 and id = $2", id, place); err != nil {
			return fmt.Errorf("delete place %s: %w", place, err)
		}
		return appendAudit(ctx, tx, e)
	})
}

// ensurePlace makes the places that a device is the first to stand at. A name that differs from one there only in case is
// refused: it is a slip. e is the entry of the device's change, which says who did it.
func ensurePlace(ctx context.Context, tx pgx.Tx, id tenancy.ID, path [3]string, e audit.Entry) error {
	parent := ""
	for i, kind := range []facility.Kind{facility.KindFacility, facility.KindLine, facility.KindStation} {
		if path[i] == "" {
			return nil
		}
		have, at := "", ""
		const find = "select id, name from places where tenant_id = $1 and parent_id = $2 and folded = $3"
		err := tx.QueryRow(ctx, find, id, parent, name.Fold(path[i])).Scan(&at, &have)
		if errors.Is(err, pgx.ErrNoRows) {
			at, have, err = makePlace(ctx, tx, id, facility.Place{Kind: kind, Parent: parent, Name: path[i]}, e)
		}
		if err != nil {
			return fmt.Errorf("find %s %s: %w", kind, path[i], err)
		}
		if have != path[i] {
			return fmt.Errorf("location.%s: there is a %s %s, which differs from %s only in case: use that: %w", kind, kind, have, path[i], tenancy.ErrInvalid)
		}
		parent = at
	}
	return nil
}

func makePlace(ctx context.Context, tx pgx.Tx, id tenancy.ID, p facility.Place, e audit.Entry) (at, have string, err error) {
	if err := underLimit(ctx, tx, tenancy.LimitPlaces, id, facility.Most); err != nil {
		return "", "", err
	}
	p.ID, p.Version, p.CreatedAt = string(tenancy.NewID()), 1, e.OccurredAt
	const orThere = " on conflict on constraint places_folded_key do update set folded = excluded.folded returning id, name"
	if err := tx.QueryRow(ctx, insertPlace+orThere, placeArgs(id, p)).Scan(&at, &have); err != nil || at != p.ID {
		return at, have, err
	}
	return at, have, appendAudit(ctx, tx, e.Also("place/"+p.ID, p))
}
