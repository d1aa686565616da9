package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/millwright-io/millwright/controlplane/internal/audit"
	"github.com/millwright-io/millwright/controlplane/internal/device"
	"github.com/millwright-io/millwright/tenancy"
)

// Gateway implements device.GatewayStore.
func (s *Store) Gateway(ctx context.Context, id tenancy.ID, name string) (g device.Gateway, err error) {
	const spokenForBy = `
select gateway_id from gateway_devices where tenant_id = $1 and device_id = $2
union
select g.gateway_id from gateway_groups g join group_members m on m.tenant_id = g.tenant_id and m.group_id = g.group_id
where g.tenant_id = $1 and m.device_id = $2 and g.gateway_id <> $2
order by 1`
	g.Device = name
	err = s.inTenant(ctx, id, func(tx pgx.Tx) error {
		for _, q := range []struct {
			into  *[]string
			query string
		}{
			{&g.Devices, "select device_id from gateway_devices where tenant_id = $1 and gateway_id = $2 order by 1"},
			{&g.Groups, "select group_id from gateway_groups where tenant_id = $1 and gateway_id = $2 order by 1"},
			{&g.SpokenForBy, spokenForBy},
		} {
			rows, err := tx.Query(ctx, q.query, id, name)
			if err != nil {
				return fmt.Errorf("read gateway %s: %w", name, err)
			}
			if *q.into, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
				return fmt.Errorf("read gateway %s: %w", name, err)
			}
		}
		return nil
	})
	return g, err
}

// SetGateway implements device.GatewayStore.
func (s *Store) SetGateway(ctx context.Context, id tenancy.ID, g device.Gateway, e audit.Entry) error {
	return s.changeDevice(ctx, id, g.Device, e, func(tx pgx.Tx) error {
		if err := devicesExist(ctx, tx, id, g.Devices); err != nil {
			return err
		}
		for _, q := range []struct {
			query string
			args  []any
		}{
			{"delete from gateway_devices where tenant_id = $1 and gateway_id = $2", []any{id, g.Device}},
			{"delete from gateway_groups where tenant_id = $1 and gateway_id = $2", []any{id, g.Device}},
			{"insert into gateway_devices select $1, $2, unnest($3::text[])", []any{id, g.Device, texts(g.Devices)}},
			{"insert into gateway_groups select $1, $2, unnest($3::text[])", []any{id, g.Device, texts(g.Groups)}},
		} {
			_, err := tx.Exec(ctx, q.query, q.args...)
			if refers(err, "gateway_groups_group_fkey") {
				return fmt.Errorf("group_ids: one of them is no group: %w", tenancy.ErrNotFound)
			}
			if err != nil {
				return fmt.Errorf("set gateway %s: %w", g.Device, err)
			}
		}
		return nil
	})
}
