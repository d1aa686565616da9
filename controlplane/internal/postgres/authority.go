package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/millwright-io/millwright/controlplane/internal/authority"
)

// PlatformKey implements authority.Store.
func (s *Store) PlatformKey(ctx context.Context, p authority.Purpose) (authority.PlatformKey, error) {
	const query = "select id, purpose, certificate, public_key, sealed_key, created_at from platform_keys where purpose = $1"
	var k authority.PlatformKey
	err := s.pool.QueryRow(ctx, query, p).Scan(&k.ID, &k.Purpose, &k.Certificate, &k.PublicKey, &k.SealedKey, &k.CreatedAt)
	if err != nil {
		return authority.PlatformKey{}, notFound(translate(fmt.Errorf("read platform key %s: %w", p, err)), "there is no platform key %s", p)
	}
	return k, nil
}

const insertPlatformKey = `
insert into platform_keys (id, purpose, certificate, public_key, sealed_key, created_at)
values (@id, @purpose, @certificate, @public, @sealed, @created_at)
on conflict (purpose) do nothing`

// InsertPlatformKey implements authority.Store.
func (s *Store) InsertPlatformKey(ctx context.Context, k authority.PlatformKey) error {
	_, err := s.pool.Exec(ctx, insertPlatformKey, pgx.NamedArgs{
		"id": k.ID, "purpose": k.Purpose, "certificate": k.Certificate, "public": k.PublicKey, "sealed": k.SealedKey,
		"created_at": k.CreatedAt,
	})
	if err != nil {
		return translate(fmt.Errorf("insert platform key %s: %w", k.Purpose, err))
	}
	return nil
}
