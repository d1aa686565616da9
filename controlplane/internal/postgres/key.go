package postgres

import (
	"context"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/millwright-io/millwright/controlplane/internal/audit"
	"github.com/millwright-io/millwright/controlplane/internal/distribute"
	"github.com/millwright-io/millwright/controlplane/internal/key"
	"github.com/millwright-io/millwright/tenancy"
	"github.com/millwright-io/millwright/tenancy/lastuse"
)

// A key of a service account has no role and no facilities of its own.
const insertKey = `
insert into keys (id, tenant_id, name, role, scopes, facilities, service_account_id, created_by, created_at, expires_at)
values (@id, @tenant, @name, case when @account::text = '' then @role::text end, @scopes, case when @account::text = '' then @facilities::text[] else '{}' end,
  nullif(@account::text, ''), @created_by, @created_at, @expires_at)`

const insertSecret = `
insert into key_secrets (tenant_id, key_id, number, hash, prefix, created_at) values (@tenant, @key, @number, @hash, @prefix, @created_at)`

func secretArgs(id tenancy.ID, name string, s key.Secret) pgx.NamedArgs {
	return pgx.NamedArgs{"tenant": id, "key": name, "number": s.Number, "hash": s.Hash, "prefix": s.Prefix, "created_at": s.CreatedAt}
}

// InsertKey implements key.Store.
func (s *Store) InsertKey(ctx context.Context, id tenancy.ID, k key.Key, e audit.Entry) error {
	return s.changeKey(ctx, id, k.ID, e, func(tx pgx.Tx) error {
		t, err := s.lockTenant(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := underLimit(ctx, tx, tenancy.LimitKeys, id, t.Limits.Keys); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, insertKey, pgx.NamedArgs{
			"id": k.ID, "tenant": id, "name": k.Name, "role": string(k.Role), "scopes": actions(k.Scopes), "facilities": texts(k.Facilities),
			"account": k.ServiceAccount, "created_by": k.CreatedBy, "created_at": k.CreatedAt, "expires_at": timeN(k.ExpiresAt),
		})
		if err != nil {
			return fmt.Errorf("insert key: %w", err)
		}
		if _, err := tx.Exec(ctx, insertSecret, secretArgs(id, k.ID, k.Secrets[0])); err != nil {
			return fmt.Errorf("insert secret: %w", err)
		}
		return nil
	})
}

// actions writes no actions as an empty array, which a nil slice is not.
func actions(list []tenancy.Action) []tenancy.Action {
	if list == nil {
		return []tenancy.Action{}
	}
	return list
}

// RotateKey implements key.Store.
func (s *Store) RotateKey(ctx context.Context, id tenancy.ID, k key.Key, e audit.Entry) error {
	return s.changeKey(ctx, id, k.ID, e, func(tx pgx.Tx) error {
		kept := make([]int, 0, 1)
		for _, old := range k.Secrets[1:] {
			kept = append(kept, old.Number)
			const end = "update key_secrets set expires_at = $4 where tenant_id = $1 and key_id = $2 and number = $3"
			if _, err := tx.Exec(ctx, end, id, k.ID, old.Number, old.ExpiresAt); err != nil {
				return fmt.Errorf("end the old secret: %w", err)
			}
		}
		if _, err := tx.Exec(ctx, "delete from key_secrets where tenant_id = $1 and key_id = $2 and number <> all($3)", id, k.ID, kept); err != nil {
			return fmt.Errorf("drop secrets: %w", err)
		}
		_, err := tx.Exec(ctx, insertSecret, secretArgs(id, k.ID, k.Secrets[0]))
		if violates(err, "key_secrets_pkey") {
			return fmt.Errorf("somebody rotated the key %s just now: look at it and try again: %w", k.ID, tenancy.ErrConflict)
		}
		return err
	})
}

// AwaitKey implements key.Store.
func (s *Store) AwaitKey(ctx context.Context, id tenancy.ID, name string) error {
	return s.delivered(ctx, id, "", distribute.KindKey, name)
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
			return roleMissing(err)
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

// Role and facilities are those of the service account, where there is one. The secrets are newest first.
const keyColumns = `
select k.id, k.tenant_id, k.name, coalesce(k.role, a.role), k.scopes, coalesce(a.facilities, k.facilities), coalesce(k.service_account_id, ''),
  k.created_by, k.created_at, k.expires_at,
  (select jsonb_agg(jsonb_build_object('number', s.number, 'prefix', s.prefix, 'hash', encode(s.hash, 'hex'), 'created_at', s.created_at,
    'expires_at', s.expires_at, 'used_at', s.used_at, 'used_address', s.used_address, 'used_plane', s.used_plane) order by s.number desc)
   from key_secrets s where s.tenant_id = k.tenant_id and s.key_id = k.id)
from keys k
left join service_accounts a on a.tenant_id = k.tenant_id and a.id = k.service_account_id
`

type secretRow struct {
	Number      int        `json:"number"`
	Prefix      string     `json:"prefix"`
	Hash        string     `json:"hash"`
	CreatedAt   time.Time  `json:"created_at"`
	ExpiresAt   *time.Time `json:"expires_at"`
	UsedAt      *time.Time `json:"used_at"`
	UsedAddress string     `json:"used_address"`
	UsedPlane   string     `json:"used_plane"`
}

func scanKey(row pgx.CollectableRow) (k key.Key, err error) {
	var expires *time.Time
	var secrets []secretRow
	err = row.Scan(&k.ID, &k.Tenant, &k.Name, &k.Role, &k.Scopes, &k.Facilities, &k.ServiceAccount, &k.CreatedBy, &k.CreatedAt, &expires, &secrets)
	if err != nil {
		return key.Key{}, err
	}
	k.CreatedAt, k.ExpiresAt = k.CreatedAt.UTC(), time0(expires)
	for _, r := range secrets {
		hash, err := hex.DecodeString(r.Hash)
		if err != nil {
			return key.Key{}, fmt.Errorf("read secret of key %s: %w", k.ID, err)
		}
		k.Secrets = append(k.Secrets, key.Secret{
			Number: r.Number, Prefix: r.Prefix, Hash: hash, CreatedAt: r.CreatedAt.UTC(), ExpiresAt: time0(r.ExpiresAt),
			UsedAt: time0(r.UsedAt), UsedAddress: r.UsedAddress, UsedPlane: r.UsedPlane,
		})
	}
	return k, nil
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
	rows, err := tx.Query(ctx, keyColumns+"where k.tenant_id = $1 order by k.created_at, k.id", id)
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
	rows, err := tx.Query(ctx, keyColumns+"where k.id = $1", name)
	if err != nil {
		return key.Key{}, fmt.Errorf("read key: %w", err)
	}
	k, err := pgx.CollectExactlyOneRow(rows, scanKey)
	if err != nil {
		return key.Key{}, notFound(fmt.Errorf("read key: %w", err), "there is no key %s", name)
	}
	return k, nil
}

const updateUses = `
update key_secrets s set used_at = u.at, used_address = u.address, used_plane = @plane
from unnest(@keys::text[], @numbers::integer[], @times::timestamptz[], @addresses::text[]) as u (key_id, number, at, address)
where s.tenant_id = @tenant and s.key_id = u.key_id and s.number = u.number and (s.used_at is null or s.used_at < u.at)`

// RecordKeyUses implements key.Store.
func (s *Store) RecordKeyUses(ctx context.Context, plane string, uses []lastuse.Use) error {
	tenants := make(map[tenancy.ID][]lastuse.Use)
	for _, u := range uses {
		tenants[u.Tenant] = append(tenants[u.Tenant], u)
	}
	for id, list := range tenants {
		keys, numbers := make([]string, 0, len(list)), make([]int, 0, len(list))
		times, addresses := make([]time.Time, 0, len(list)), make([]string, 0, len(list))
		for _, u := range list {
			keys, numbers, times, addresses = append(keys, u.Key), append(numbers, u.Number), append(times, u.At), append(addresses, u.Address)
		}
		err := s.inTenant(ctx, id, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, updateUses, pgx.NamedArgs{
				"tenant": id, "plane": plane, "keys": keys, "numbers": numbers, "times": times, "addresses": addresses,
			})
			return err
		})
		if err != nil {
			return fmt.Errorf("note when keys were used: %w", err)
		}
	}
	return nil
}
