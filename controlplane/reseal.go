package controlplane

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/millwright-io/millwright/controlplane/internal/authority"
	"github.com/millwright-io/millwright/controlplane/internal/postgres"
)

// RotateKEK puts a new key-encryption key first in its file. Control planes take it up at their next start; until then,
// and until Reseal, the old key is needed.
func RotateKEK(kekFile string) error { return authority.AddKey(kekFile) }

// Reseal brings every sealed value of the database under the first key of the key file and returns how many it changed.
// With dropOld, the other keys are then taken out of the file. It may run beside control planes that know the new key. The
// database's user must own the tables: the application itself may not write sealed keys.
func Reseal(ctx context.Context, dsnFile, kekFile string, dropOld bool) (changed int, err error) {
	text, err := os.ReadFile(dsnFile)
	if err != nil {
		return 0, fmt.Errorf("read postgres dsn file: %w", err)
	}
	if _, err := os.Stat(kekFile); err != nil {
		return 0, fmt.Errorf("read key-encryption key: %w", err)
	}
	keys, err := authority.OpenKeyFile(kekFile)
	if err != nil {
		return 0, err
	}
	store, err := postgres.OpenAsOwner(ctx, strings.TrimSpace(string(text)))
	if err != nil {
		return 0, err
	}
	defer store.Close()
	if changed, err = store.Reseal(ctx, authority.NewVault(keys).Reseal); err != nil || !dropOld {
		return changed, err
	}
	return changed, authority.DropKeys(kekFile)
}
