package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/millwright-io/millwright/controlplane/internal/audit"
	"github.com/millwright-io/millwright/controlplane/internal/key"
	"github.com/millwright-io/millwright/tenancy"
)

const insertKey = `
insert into keys (id, tenant_id, name, prefix, hash, role, created_by, created_at, expires_at)
values (@id, @tenant, @name, @prefix, @hash, @role, @created_by, @created_at, @expires_at)`

// InsertKey implements key.Store.
func (s *Store) InsertKey(ctx context.Context, id tenancy.ID, k key.Key, e audit.Entry) error {
	return s.changeKey(ctx, id, k.ID, e, func(tx pgx.Tx) error {
		t, err := s.lockTenant(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := underLimit(ctx, tx, "keys", id, t.Limits.Keys); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, insertKey, pgx.NamedArgs{
			"id": k.ID, "tenant": id, "name": k.Name, "prefix": k.Prefix, "hash": k.Hash, "role": k.Role,
			"created_by": k.CreatedBy, "created_at": k.CreatedAt, "expires_at": timeN(k.ExpiresAt),
		})
		if err != nil {
			return fmt.Errorf("insert key: %w", err)
		}
		return nil
	})
}

// DeleteKey implements key.Store.
func (s *Store) DeleteKey(ctx context.Context, id tenancy.ID, name string, e audit.Entry) error {
	return s.changeKey(ctx, id, name, e, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, "delete from keys where tenant_id = $1 and id = $2", id, name)
		if err == nil && tag.RowsAffected() == 0 {
			err = pgx.ErrNoRows
		}
		return notFound(err, "there is no key %s", name)
	})
}

func (s *Store) changeKey(ctx context.Context, id tenancy.ID, name string, e audit.Entry, f func(tx pgx.Tx) error) error {
	defer s.caller("key", name)
	err := s.inTenant(ctx, id, func(tx pgx.Tx) error {
		if err := f(tx); err != nil {
			return err
		}
		if err := announce(ctx, tx, id, "key", name); err != nil {
			return err
		}
		return appendAudit(ctx, tx, e)
	})
	if err == nil {
		s.wake()
	}
	return err
}

const keyColumns = `select id, tenant_id, name, prefix, hash, role, created_by, created_at, expires_at from keys `

func scanKey(row pgx.CollectableRow) (k key.Key, err error) {
	var expires *time.Time
	err = row.Scan(&k.ID, &k.Tenant, &k.Name, &k.Prefix, &k.Hash, &k.Role, &k.CreatedBy, &k.CreatedAt, &expires)
	k.CreatedAt, k.ExpiresAt = k.CreatedAt.UTC(), time0(expires)
	return k, err
}

// Keys implements key.Store.
func (s *Store) Keys(ctx context.Context, id tenancy.ID) (list []key.Key, err error) {
	err = s.inTenant(ctx, id, func(tx pgx.Tx) error {
		list, err = readKeys(ctx, tx, id)
		return err
	})
	return list, err
}

func readKeys(ctx context.Context, tx pgx.Tx, id tenancy.ID) ([]key.Key, error) {
	rows, err := tx.Query(ctx, keyColumns+"where tenant_id = $1 order by created_at, id", id)
	if err != nil {
		return nil, fmt.Errorf("list keys: %w", err)
	}
	return pgx.CollectRows(rows, scanKey)
}

// Key implements key.Store.
func (s *Store) Key(ctx context.Context, id tenancy.ID, name string) (k key.Key, err error) {
	err = s.inTenant(ctx, id, func(tx pgx.Tx) error {
		k, err = readKey(ctx, tx, name)
		return err
	})
	return k, err
}

// PresentedKey implements key.Store: the transaction sees the one key that was presented.
func (s *Store) PresentedKey(ctx context.Context, name string) (k key.Key, err error) {
	err = s.in(ctx, "millwright.key", name, func(tx pgx.Tx) error {
		k, err = readKey(ctx, tx, name)
		return err
	})
	return k, err
}

func readKey(ctx context.Context, tx pgx.Tx, name string) (key.Key, error) {
	rows, err := tx.Query(ctx, keyColumns+"where id = $1", name)
	if err != nil {
		return key.Key{}, fmt.Errorf("read key: %w", err)
	}
	k, err := pgx.CollectExactlyOneRow(rows, scanKey)
	if err != nil {
		return key.Key{}, notFound(fmt.Errorf("read key: %w", err), "there is no key %s", name)
	}
	return k, nil
}
