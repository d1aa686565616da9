package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/millwright-io/millwright/controlplane/internal/audit"
	"github.com/millwright-io/millwright/controlplane/internal/distribute"
	"github.com/millwright-io/millwright/controlplane/internal/tokenkey"
)

const tokenKeyColumns = "select id, public_key, sealed_key, published_at, signs_from, retired_at from token_keys "

func scanTokenKey(row pgx.CollectableRow) (k tokenkey.Key, err error) {
	var public []byte
	var retired *time.Time
	err = row.Scan(&k.ID, &public, &k.Sealed, &k.PublishedAt, &k.SignsFrom, &retired)
	k.Public, k.PublishedAt, k.SignsFrom, k.RetiredAt = public, k.PublishedAt.UTC(), k.SignsFrom.UTC(), time0(retired)
	return k, err
}

// querier is a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

func readTokenKeys(ctx context.Context, q querier) ([]tokenkey.Key, error) {
	rows, err := q.Query(ctx, tokenKeyColumns+"order by signs_from, id")
	if err != nil {
		return nil, fmt.Errorf("list keys of cell tokens: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanTokenKey)
	if err != nil {
		return nil, fmt.Errorf("list keys of cell tokens: %w", err)
	}
	return list, nil
}

// TokenKeys implements tokenkey.Store.
func (s *Store) TokenKeys(ctx context.Context) ([]tokenkey.Key, error) {
	list, err := readTokenKeys(ctx, s.pool)
	return list, translate(err)
}

// ChangeTokenKeys implements tokenkey.Store. What is new is told to the cells before what goes.
func (s *Store) ChangeTokenKeys(ctx context.Context, e *audit.Entry, change func([]tokenkey.Key) ([]tokenkey.Key, error)) error {
	err := translate(pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "select pg_advisory_xact_lock(hashtextextended('token_keys', 0))"); err != nil {
			return fmt.Errorf("lock keys of cell tokens: %w", err)
		}
		old, err := readTokenKeys(ctx, tx)
		if err != nil {
			return err
		}
		next, err := change(old)
		if err != nil {
			return err
		}
		if err := writeTokenKeys(ctx, tx, old, next); err != nil {
			return err
		}
		if e == nil {
			return nil
		}
		return appendPlatformAudit(ctx, tx, *e)
	}))
	if err == nil {
		s.wake()
	}
	return err
}

// AwaitVerifier implements tokenkey.Store.
func (s *Store) AwaitVerifier(ctx context.Context, cell, key string) error {
	return s.delivered(ctx, "", cell, distribute.KindVerifier, key)
}

const insertTokenKey = `
insert into token_keys (id, public_key, sealed_key, published_at, signs_from) values (@id, @public, @sealed, @published, @from)`

func writeTokenKeys(ctx context.Context, tx pgx.Tx, old, next []tokenkey.Key) error {
	was, stays := make(map[string]tokenkey.Key, len(old)), make(map[string]bool, len(next))
	for _, k := range old {
		was[k.ID] = k
	}
	var later []string
	for _, k := range next {
		stays[k.ID] = true
		before, known := was[k.ID]
		switch {
		case !known:
			args := pgx.NamedArgs{"id": k.ID, "public": []byte(k.Public), "sealed": k.Sealed, "published": k.PublishedAt, "from": k.SignsFrom}
			if _, err := tx.Exec(ctx, insertTokenKey, args); err != nil {
				return fmt.Errorf("insert key of cell tokens: %w", err)
			}
			if err := announceVerifier(ctx, tx, k.ID); err != nil {
				return err
			}
		case !before.SignsFrom.Equal(k.SignsFrom), !before.RetiredAt.Equal(k.RetiredAt):
			const update = "update token_keys set signs_from = $2, retired_at = $3 where id = $1"
			if _, err := tx.Exec(ctx, update, k.ID, k.SignsFrom, timeN(k.RetiredAt)); err != nil {
				return fmt.Errorf("change key %s of cell tokens: %w", k.ID, err)
			}
			later = append(later, k.ID)
		}
	}
	for _, k := range old {
		if stays[k.ID] {
			continue
		}
		if _, err := tx.Exec(ctx, "delete from token_keys where id = $1", k.ID); err != nil {
			return fmt.Errorf("forget key %s of cell tokens: %w", k.ID, err)
		}
		later = append(later, k.ID)
	}
	for _, id := range later {
		if err := announceVerifier(ctx, tx, id); err != nil {
			return err
		}
	}
	return nil
}

// announceVerifier leaves a change of a key for every cell.
func announceVerifier(ctx context.Context, tx pgx.Tx, id string) error {
	const query = "insert into outbox (cell, kind, object_id) select name, $1, $2 from cells order by name"
	if _, err := tx.Exec(ctx, query, distribute.KindVerifier, id); err != nil {
		return fmt.Errorf("announce key %s of cell tokens: %w", id, err)
	}
	return nil
}

// verifierEntry is a key as cells know it; without one when it is forgotten.
func verifierEntry(id string, k *tokenkey.Key) distribute.Entry {
	e := distribute.Entry{Kind: distribute.KindVerifier, ID: id}
	if k != nil {
		e.Verifier = &distribute.Verifier{PublicKey: k.Public, Retired: !k.Live()}
	}
	return e
}

func readVerifier(ctx context.Context, tx pgx.Tx, id string) (distribute.Entry, error) {
	rows, err := tx.Query(ctx, tokenKeyColumns+"where id = $1", id)
	if err != nil {
		return distribute.Entry{}, fmt.Errorf("read key %s of cell tokens: %w", id, err)
	}
	k, err := pgx.CollectExactlyOneRow(rows, scanTokenKey)
	known, err := found(k, notFound(err, "there is no key %s", id))
	return verifierEntry(id, known), err
}

func readVerifiers(ctx context.Context, tx pgx.Tx) ([]distribute.Entry, error) {
	keys, err := readTokenKeys(ctx, tx)
	list := make([]distribute.Entry, 0, len(keys))
	for i := range keys {
		list = append(list, verifierEntry(keys[i].ID, &keys[i]))
	}
	return list, err
}
