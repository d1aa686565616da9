package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/millwright-io/millwright/controlplane/internal/job"
	"github.com/millwright-io/millwright/controlplane/internal/tokenkey"
	"github.com/millwright-io/millwright/tenancy"
)

// Reseal seals a value anew for its name; false when it is as it should be.
type Reseal func(ctx context.Context, name string, sealed []byte) ([]byte, bool, error)

// sealed is a value with where it is kept.
type sealed struct {
	name  string
	value []byte
	// where is the arguments of the statement that writes it, the new value last.
	where []any
}

// Reseal replaces every sealed value by what reseal makes of it and returns how many changed: the platform's own keys,
// then each tenant's in a transaction of its own.
func (s *Store) Reseal(ctx context.Context, reseal Reseal) (changed int, err error) {
	err = translate(pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		n, err := resealAll(ctx, tx, reseal, "select id, purpose, sealed_key from platform_keys for update",
			"update platform_keys set sealed_key = $2 where id = $1", func(row pgx.CollectableRow) (v sealed, err error) {
				var id string
				err = row.Scan(&id, &v.name, &v.value)
				v.where = []any{id}
				return v, err
			})
		if changed += n; err != nil {
			return err
		}
		n, err = resealAll(ctx, tx, reseal, "select id, sealed_key from token_keys for update",
			"update token_keys set sealed_key = $2 where id = $1", func(row pgx.CollectableRow) (v sealed, err error) {
				var id string
				err = row.Scan(&id, &v.value)
				v.name, v.where = tokenkey.SealName, []any{id}
				return v, err
			})
		changed += n
		return err
	}))
	if err != nil {
		return 0, err
	}
	rows, err := s.pool.Query(ctx, "select tenant_id from placements order by tenant_id")
	if err != nil {
		return changed, translate(fmt.Errorf("list tenants: %w", err))
	}
	tenants, err := pgx.CollectRows(rows, pgx.RowTo[tenancy.ID])
	if err != nil {
		return changed, translate(fmt.Errorf("list tenants: %w", err))
	}
	for _, id := range tenants {
		n, err := s.resealTenant(ctx, id, reseal)
		if err != nil {
			return changed, fmt.Errorf("seal the keys of tenant %s again: %w", id, err)
		}
		changed += n
	}
	return changed, nil
}

func (s *Store) resealTenant(ctx context.Context, id tenancy.ID, reseal Reseal) (changed int, err error) {
	err = s.inTenant(ctx, id, func(tx pgx.Tx) error {
		n, err := resealAll(ctx, tx, reseal, "select tenant_id, sealed_key from authorities for update",
			"update authorities set sealed_key = $2 where tenant_id = $1", func(row pgx.CollectableRow) (v sealed, err error) {
				err = row.Scan(&v.name, &v.value)
				v.where = []any{v.name}
				return v, err
			})
		if err != nil {
			return err
		}
		changed = n
		n, err = resealAll(ctx, tx, reseal, "select job_id, number, sealed from job_results for update",
			"update job_results set sealed = $3 where job_id = $1 and number = $2", func(row pgx.CollectableRow) (v sealed, err error) {
				var name string
				var number int
				err = row.Scan(&name, &number, &v.value)
				v.name, v.where = job.SealName(id, name, number), []any{name, number}
				return v, err
			})
		changed += n
		return err
	})
	return changed, err
}

func resealAll(ctx context.Context, tx pgx.Tx, reseal Reseal, read, write string, scan pgx.RowToFunc[sealed]) (changed int, err error) {
	rows, err := tx.Query(ctx, read)
	if err != nil {
		return 0, fmt.Errorf("read sealed values: %w", err)
	}
	values, err := pgx.CollectRows(rows, scan)
	if err != nil {
		return 0, fmt.Errorf("read sealed values: %w", err)
	}
	for _, v := range values {
		fresh, differs, err := reseal(ctx, v.name, v.value)
		if err != nil {
			return 0, err
		}
		if !differs {
			continue
		}
		if _, err := tx.Exec(ctx, write, append(v.where, fresh)...); err != nil {
			return 0, fmt.Errorf("write sealed value of %s: %w", v.name, err)
		}
		changed++
	}
	return changed, nil
}
