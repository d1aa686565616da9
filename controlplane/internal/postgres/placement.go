package postgres

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/millwright-io/millwright/controlplane/internal/cell"
	"github.com/millwright-io/millwright/controlplane/internal/tenant"
)

// placementLock serializes placing, so that two tenants founded at once see each other.
const placementLock = 7_310_001

// place chooses the cell of a new tenant; the choice holds until the transaction ends.
func place(ctx context.Context, tx pgx.Tx, f tenant.Founding) (string, error) {
	if _, err := tx.Exec(ctx, "select pg_advisory_xact_lock($1)", placementLock); err != nil {
		return "", fmt.Errorf("lock placement: %w", err)
	}
	cells, err := readCells(ctx, tx)
	if err != nil {
		return "", err
	}
	for i := range cells {
		cells[i].Configured = slices.Contains(f.Cells, cells[i].Name)
	}
	return cell.Place(cells, f.Region, f.Tenant.CreatedAt)
}
