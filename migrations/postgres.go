package migrations

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx" of database/sql, which goose needs
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
	"github.com/pressly/goose/v3/lock"
)

//go:embed postgres/*.sql
var postgresFiles embed.FS

// AppRole is the role of the application in Postgres; whoever runs Postgres may become it by `set role`.
const AppRole = "millwright_app"

// Postgres brings the control plane's database to the newest version. It is idempotent, and safe when several processes
// start at once: one migrates, the others wait. It refuses a database of a newer program.
func Postgres(ctx context.Context, dsn string) (err error) {
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		return fmt.Errorf("open postgres: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	files, err := fs.Sub(postgresFiles, "postgres")
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300), lock.WithUnlockTimeout(1, 60))
	if err != nil {
		return fmt.Errorf("lock migrations: %w", err)
	}
	store, err := database.NewStore(database.DialectPostgres, "schema_versions")
	if err != nil {
		return fmt.Errorf("open schema versions: %w", err)
	}
	provider, err := goose.NewProvider("", db, files, goose.WithStore(store), goose.WithSessionLocker(locker),
		goose.WithSlog(slog.New(slog.DiscardHandler)), goose.WithAllowOutofOrder(true))
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	sources := provider.ListSources()
	newest := sources[len(sources)-1].Version
	at, err := provider.GetDBVersion(ctx)
	if err != nil {
		return fmt.Errorf("read schema version of postgres: %w", err)
	}
	if at > newest {
		return fmt.Errorf("the Postgres database has schema version %d, this program knows up to %d: start the newer program", at, newest)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate postgres from version %d to %d: %w", at, newest, err)
	}
	return nil
}
