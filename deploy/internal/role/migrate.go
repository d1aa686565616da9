package role

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/millwright-io/millwright/deploy/internal/command"
	"github.com/millwright-io/millwright/migrations"
)

// migrateCommand is for installations that migrate before they start, under a user that owns the tables.
func migrateCommand() command.Command {
	return command.Command{
		Name: "migrate", Summary: "bring the control plane's database to this program's version",
		Details: "The control plane does so itself at its start unless told --migrate=false. Tenants' ClickHouse databases are migrated by their cell.",
		Prepare: func(fs *flag.FlagSet) command.Run {
			file := fs.String("postgres-dsn-file", "", "`FILE` that holds the connection URL of the database; its user owns the tables")
			return func(ctx context.Context, e command.Env, _ []string) error {
				if *file == "" {
					return command.Usage("migrate: name the database by --postgres-dsn-file")
				}
				text, err := os.ReadFile(*file)
				if err != nil {
					return fmt.Errorf("read the connection URL: %w", err)
				}
				if err := migrations.Postgres(ctx, strings.TrimSpace(string(text))); err != nil {
					return err
				}
				_, err = fmt.Fprintln(e.Out, "the database has this program's version")
				return err
			}
		},
	}
}
