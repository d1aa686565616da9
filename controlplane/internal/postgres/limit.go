package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/millwright-io/millwright/controlplane/internal/audit"
	"github.com/millwright-io/millwright/controlplane/internal/limit"
	"github.com/millwright-io/millwright/controlplane/internal/tenant"
	"github.com/millwright-io/millwright/tenancy"
	"github.com/millwright-io/millwright/tenancy/tally"
)

// countSource is what the control plane's own counts of what exists come under, whichever process made them.
const countSource = "controlplane"

// What exists, and what the ledger says of today and of all that is stored.
const selectCounts = `
select (select count(*) from devices where tenant_id = @tenant and status <> 'retired'),
  (select count(*) from members where tenant_id = @tenant) + (select count(*) from invitations where tenant_id = @tenant),
  (select count(*) from keys where tenant_id = @tenant), (select count(*) from groups where tenant_id = @tenant),
  (select coalesce(sum(value), 0)::bigint from usage_totals where tenant_id = @tenant and meter = 'points')`

// summed are the limits whose use each process counts of its own, so that the whole is their sum. Of all others each process
// that counts sees the whole, and the highest is it.
const summed = `('events_per_second', 'device_events_per_second', 'group_events_per_second', 'connections', 'live_sessions', 'query_concurrency')`

// The newest minute of each limit that a cell or an API counted.
const selectUses = `
select distinct on (name) name, minute, ` + overSources + `, max(maximum)
from limit_uses
where tenant_id = @tenant and scope = 'tenant' and minute > @since and source <> '` + countSource + `'
group by name, minute
order by name, minute desc`

const overSources = `case when name in ` + summed + ` then sum(used)::bigint else max(used) end`

// LimitState implements limit.Store.
func (s *Store) LimitState(ctx context.Context, id tenancy.ID, now time.Time) (state limit.State, err error) {
	err = s.inTenant(ctx, id, func(tx pgx.Tx) error {
		if state.Tenant, err = s.tenant(ctx, tx, id); err != nil {
			return err
		}
		state.Plan = s.plans[state.Tenant.Plan]
		if state.Overrides, err = readOverrides(ctx, tx, id); err != nil {
			return err
		}
		if state.Uses, err = readUses(ctx, tx, id, now); err != nil {
			return err
		}
		state.Refused, err = readRefused(ctx, tx, id, now.Add(-time.Hour))
		return err
	})
	return state, err
}

func readOverrides(ctx context.Context, tx pgx.Tx, id tenancy.ID) ([]tenant.Override, error) {
	const query = `
select name, value, expires_at, reason, set_by, set_at from limit_overrides
where tenant_id = $1 and (expires_at is null or expires_at > now()) order by name`
	rows, err := tx.Query(ctx, query, id)
	if err != nil {
		return nil, fmt.Errorf("read overrides: %w", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (o tenant.Override, err error) {
		var expires *time.Time
		err = row.Scan(&o.Limit, &o.Maximum, &expires, &o.Reason, &o.SetBy, &o.SetAt)
		o.ExpiresAt, o.SetAt = time0(expires), o.SetAt.UTC()
		return o, err
	})
}

// useAge is how old the newest count of a cell may be to be what is used now.
const useAge = 3 * time.Minute

func readUses(ctx context.Context, tx pgx.Tx, id tenancy.ID, now time.Time) (map[string]limit.Use, error) {
	uses := map[string]limit.Use{}
	rows, err := tx.Query(ctx, selectUses, pgx.NamedArgs{"tenant": id, "since": now.Add(-useAge)})
	if err != nil {
		return nil, fmt.Errorf("read uses of limits: %w", err)
	}
	var name string
	var u limit.Use
	if _, err := pgx.ForEachRow(rows, []any{&name, &u.Start, &u.Used, &u.Maximum}, func() error {
		uses[name] = u
		return nil
	}); err != nil {
		return nil, fmt.Errorf("read uses of limits: %w", err)
	}
	var devices, members, keys, groups, points int64
	if err := tx.QueryRow(ctx, selectCounts, pgx.NamedArgs{"tenant": id}).Scan(&devices, &members, &keys, &groups, &points); err != nil {
		return nil, fmt.Errorf("count against limits: %w", err)
	}
	for name, n := range map[string]int64{
		tenancy.LimitDevices: devices, tenancy.LimitMembers: members, tenancy.LimitKeys: keys, tenancy.LimitGroups: groups,
		tenancy.LimitPointsRetained: points,
	} {
		uses[name] = limit.Use{Start: now, Used: n}
	}
	return uses, nil
}

func readRefused(ctx context.Context, tx pgx.Tx, id tenancy.ID, since time.Time) (map[string]int64, error) {
	const query = "select name, sum(refused)::bigint from limit_uses where tenant_id = $1 and minute > $2 and refused > 0 group by name"
	rows, err := tx.Query(ctx, query, id, since)
	if err != nil {
		return nil, fmt.Errorf("count refusals: %w", err)
	}
	refused := map[string]int64{}
	var name string
	var n int64
	_, err = pgx.ForEachRow(rows, []any{&name, &n}, func() error {
		refused[name] = n
		return nil
	})
	return refused, err
}

const selectHistory = `
with minutes as (
  select minute, coalesce(case when @name in ` + summed + `
      then sum(used) filter (where scope = 'tenant') else max(used) filter (where scope = 'tenant') end, 0)::bigint used,
    coalesce(max(maximum) filter (where scope = 'tenant'), 0) maximum, sum(refused)::bigint refused
  from limit_uses where tenant_id = @tenant and name = @name and minute >= @start and minute < @end
  group by minute)
select date_bin(@span, minute, 'epoch'), max(used), max(maximum), sum(refused)::bigint from minutes group by 1 order by 1`

// LimitHistory implements limit.Store.
func (s *Store) LimitHistory(ctx context.Context, id tenancy.ID, name string, start, end time.Time, span time.Duration) (list []limit.Use, err error) {
	err = s.inTenant(ctx, id, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, selectHistory, pgx.NamedArgs{"tenant": id, "name": name, "start": start, "end": end, "span": span})
		if err != nil {
			return fmt.Errorf("read history of limit %s: %w", name, err)
		}
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (u limit.Use, err error) {
			err = row.Scan(&u.Start, &u.Used, &u.Maximum, &u.Refused)
			u.Start = u.Start.UTC()
			return u, err
		})
		return err
	})
	return list, err
}

const selectRefusals = `
select name, scope, minute, sum(refused)::bigint, max(used), max(maximum) from limit_uses
where tenant_id = @tenant and refused > 0 and minute > @since
group by name, scope, minute
order by minute desc, name, scope limit @most`

// LimitRefusals implements limit.Store.
func (s *Store) LimitRefusals(ctx context.Context, id tenancy.ID, since time.Time, most int) (list []limit.Refusal, err error) {
	err = s.inTenant(ctx, id, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, selectRefusals, pgx.NamedArgs{"tenant": id, "since": since, "most": most})
		if err != nil {
			return fmt.Errorf("read refusals: %w", err)
		}
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (r limit.Refusal, err error) {
			err = row.Scan(&r.Limit, &r.Scope, &r.Minute, &r.Count, &r.Current, &r.Maximum)
			r.Minute = r.Minute.UTC()
			return r, err
		})
		return err
	})
	return list, err
}

const upsertUse = `
insert into limit_uses (tenant_id, name, scope, minute, source, used, maximum, refused)
values (@tenant, @name, @scope, @minute, @source, @used, @maximum, @refused)
on conflict (tenant_id, name, minute, scope, source) do update
set used = greatest(limit_uses.used, excluded.used), maximum = excluded.maximum, refused = greatest(limit_uses.refused, excluded.refused)`

// RecordUses keeps the totals that one process counted. When cell is not empty, totals of tenants that live elsewhere
// are left out and named.
func (s *Store) RecordUses(ctx context.Context, cell, source string, totals []tally.Total) (refused []error, err error) {
	byTenant := map[tenancy.ID][]tally.Total{}
	for _, t := range totals {
		byTenant[t.Tenant] = append(byTenant[t.Tenant], t)
	}
	for id, of := range byTenant {
		err := s.inTenant(ctx, id, func(tx pgx.Tx) error {
			if cell != "" {
				var home string
				if err := tx.QueryRow(ctx, "select cell from tenants where id = $1", id).Scan(&home); err != nil || home != cell {
					refused = append(refused, fmt.Errorf("tenant %s does not live in cell %s: %w", id, cell, tenancy.ErrInvalid))
					return nil //nolint:nilerr // it is told in refused
				}
			}
			b := &pgx.Batch{}
			for _, t := range of {
				queueUse(b, source, t)
			}
			if err := tx.SendBatch(ctx, b).Close(); err != nil {
				return fmt.Errorf("record uses of tenant %s: %w", id, err)
			}
			return nil
		})
		if err != nil {
			return refused, err
		}
	}
	return refused, nil
}

func queueUse(b *pgx.Batch, source string, t tally.Total) {
	b.Queue(upsertUse, pgx.NamedArgs{
		"tenant": t.Tenant, "name": t.Limit, "scope": t.Scope, "minute": t.Minute, "source": source,
		"used": max(t.Used, 0), "maximum": max(t.Maximum, 0), "refused": max(t.Refused, 0),
	})
}

// RecordCounts implements limit.Rounds. One row in five minutes is enough for what changes slowly.
func (s *Store) RecordCounts(ctx context.Context, state limit.State, now time.Time) error {
	return s.inTenant(ctx, state.Tenant.ID, func(tx pgx.Tx) error {
		b := &pgx.Batch{}
		for _, l := range limit.Of(state) {
			if l.Kind == tenancy.KindCount && l.Counted {
				queueUse(b, countSource, tally.Total{
					Tenant: state.Tenant.ID, Limit: l.Name, Scope: tenancy.ScopeTenant, Minute: now.UTC().Truncate(5 * time.Minute), Used: l.Used, Maximum: l.Maximum,
				})
			}
		}
		if err := tx.SendBatch(ctx, b).Close(); err != nil {
			return fmt.Errorf("record counts of tenant %s: %w", state.Tenant.ID, err)
		}
		return nil
	})
}

// TenantIDs implements limit.Rounds.
func (s *Store) TenantIDs(ctx context.Context) ([]tenancy.ID, error) {
	rows, err := s.pool.Query(ctx, "select tenant_id from placements order by tenant_id")
	if err != nil {
		return nil, translate(fmt.Errorf("list tenants: %w", err))
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[tenancy.ID])
	return ids, translate(err)
}

// PruneUses implements limit.Rounds; the policy of the table says what is old.
func (s *Store) PruneUses(ctx context.Context) error {
	return s.asOperator(ctx, audit.System, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "delete from limit_uses where minute < now() - interval '8 days'"); err != nil {
			return fmt.Errorf("prune uses of limits: %w", err)
		}
		return nil
	})
}

// asOperator runs f in a transaction of an operator of the installation, who is named.
func (s *Store) asOperator(ctx context.Context, operator string, f func(tx pgx.Tx) error) error {
	return s.in(ctx, "millwright.operator", operator, f)
}
