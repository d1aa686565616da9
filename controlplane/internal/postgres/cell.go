package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/millwright-io/millwright/controlplane/internal/audit"
	"github.com/millwright-io/millwright/controlplane/internal/cell"
	"github.com/millwright-io/millwright/tenancy"
)

const upsertCell = `
insert into cells (name, region, url, ingest_url, mqtt_address, mqtt_websocket_url, nats_url, max_databases, max_events_per_second, registered_at)
values (@name, @region, @url, @ingest, @mqtt, @websocket, @nats, @databases, @rate, @now)
on conflict (name) do update
set region = excluded.region, url = excluded.url, ingest_url = excluded.ingest_url, mqtt_address = excluded.mqtt_address,
  mqtt_websocket_url = excluded.mqtt_websocket_url, nats_url = excluded.nats_url, max_databases = excluded.max_databases,
  max_events_per_second = excluded.max_events_per_second`

// RegisterCells writes what the configuration says of cells; what they said of themselves stays.
func (s *Store) RegisterCells(ctx context.Context, cells []cell.Cell, now time.Time) error {
	return translate(pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		for _, c := range cells {
			_, err := tx.Exec(ctx, upsertCell, pgx.NamedArgs{
				"name": c.Name, "region": c.Region, "url": c.URL, "ingest": c.IngestURL, "mqtt": c.MQTTAddress, "websocket": c.MQTTWebSocketURL,
				"nats": c.NATSURL, "databases": c.Capacity.Databases, "rate": c.EventsPerSecond, "now": now,
			})
			if err != nil {
				return fmt.Errorf("register cell %s: %w", c.Name, err)
			}
		}
		return nil
	}))
}

const selectCells = `
select c.name, c.region, c.url, c.ingest_url, c.mqtt_address, c.mqtt_websocket_url, c.nats_url, c.state, c.max_databases, c.max_events_per_second,
  c.heard_at, c.version, c.events_per_second, c.tenants, c.devices, c.databases, c.disk_free_bytes, c.disk_bytes, c.log_bytes,
  c.max_log_bytes, c.lag_seconds, (select count(*) from placements p where p.cell = c.name)
from cells c
order by c.name`

func readCells(ctx context.Context, tx pgx.Tx) ([]cell.Cell, error) {
	rows, err := tx.Query(ctx, selectCells)
	if err != nil {
		return nil, fmt.Errorf("list cells: %w", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (c cell.Cell, err error) {
		var heard *time.Time
		var lag float64
		err = row.Scan(&c.Name, &c.Region, &c.URL, &c.IngestURL, &c.MQTTAddress, &c.MQTTWebSocketURL, &c.NATSURL, &c.State, &c.Capacity.Databases,
			&c.EventsPerSecond, &heard, &c.Version, &c.Rate, &c.Tenants, &c.Devices, &c.Heartbeat.Databases, &c.DiskFreeBytes, &c.DiskBytes,
			&c.LogBytes, &c.MaxLogBytes, &lag, &c.Placed)
		c.HeardAt, c.Lag = time0(heard), time.Duration(lag*float64(time.Second))
		return c, err
	})
}

// Cells implements cell.Store.
func (s *Store) Cells(ctx context.Context) (list []cell.Cell, err error) {
	err = translate(pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		list, err = readCells(ctx, tx)
		return err
	}))
	return list, err
}

// SetCellState implements cell.Store.
func (s *Store) SetCellState(ctx context.Context, name string, state cell.State, e audit.Entry) error {
	return translate(pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, "update cells set state = $2 where name = $1", name, state)
		if err != nil {
			return fmt.Errorf("set state of cell %s: %w", name, err)
		}
		if tag.RowsAffected() == 0 {
			return fmt.Errorf("there is no cell %s: %w", name, tenancy.ErrNotFound)
		}
		return appendPlatformAudit(ctx, tx, e)
	}))
}

const noteHeartbeat = `
update cells set heard_at = @at, version = @version, events_per_second = @rate, tenants = @tenants, devices = @devices,
  databases = @databases, disk_free_bytes = @free, disk_bytes = @disk, log_bytes = @log, max_log_bytes = @max_log, lag_seconds = @lag
where name = @name`

// NoteHeartbeat implements cell.Store.
func (s *Store) NoteHeartbeat(ctx context.Context, name string, at time.Time, h cell.Heartbeat) error {
	_, err := s.pool.Exec(ctx, noteHeartbeat, pgx.NamedArgs{
		"name": name, "at": at, "version": h.Version, "rate": h.Rate, "tenants": h.Tenants, "devices": h.Devices, "databases": h.Databases,
		"free": h.DiskFreeBytes, "disk": h.DiskBytes, "log": h.LogBytes, "max_log": h.MaxLogBytes, "lag": h.Lag.Seconds(),
	})
	if err != nil {
		return translate(fmt.Errorf("note heartbeat of cell %s: %w", name, err))
	}
	return nil
}
