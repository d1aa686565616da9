package role

import (
	"context"
	"flag"
	"fmt"

	"github.com/millwright-io/millwright/controlplane"
	"github.com/millwright-io/millwright/deploy/internal/command"
)

// kekCommands replace the key-encryption key of an installation without stopping it for longer than a restart.
func kekCommands() []command.Command {
	return []command.Command{{
		Name: "kek rotate", Summary: "put a new key-encryption key first in its file",
		Details: "Then restart every control plane, which seals with the new key from then on and still opens with the old, and run `kek reseal`.",
		Prepare: func(fs *flag.FlagSet) command.Run {
			file := fs.String("kek-file", "", "`FILE` that holds the key-encryption key")
			return func(_ context.Context, e command.Env, _ []string) error {
				if *file == "" {
					return command.Usage("kek rotate: name the file by --kek-file")
				}
				if err := controlplane.RotateKEK(*file); err != nil {
					return err
				}
				_, err := fmt.Fprintln(e.Out, "a new key is first; restart the control plane, then run `millwright kek reseal`; back the file up")
				return err
			}
		},
	}, {
		Name: "kek reseal", Summary: "bring every sealed key of the database under the first key of the file",
		Prepare: func(fs *flag.FlagSet) command.Run {
			file := fs.String("kek-file", "", "`FILE` that holds the key-encryption keys")
			dsn := fs.String("postgres-dsn-file", "", "`FILE` that holds the connection URL of the database; its user owns the tables")
			drop := fs.Bool("drop-old", false, "then take the older keys out of the file; backups of the database from before need them")
			return func(ctx context.Context, e command.Env, _ []string) error {
				if *file == "" || *dsn == "" {
					return command.Usage("kek reseal: name the files by --kek-file and --postgres-dsn-file")
				}
				n, err := controlplane.Reseal(ctx, *dsn, *file, *drop)
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(e.Out, "%d sealed keys changed, all are under the first key now\n", n)
				return err
			}
		},
	}}
}
