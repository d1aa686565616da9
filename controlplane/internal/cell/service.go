package cell

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/millwright-io/millwright/controlplane/internal/audit"
	"github.com/millwright-io/millwright/tenancy"
)

// Store keeps the cells.
type Store interface {
	// Cells returns every cell by name, with the number of tenants placed there.
	Cells(ctx context.Context) ([]Cell, error)
	// SetCellState fails with ErrNotFound when there is no such cell.
	SetCellState(ctx context.Context, name string, state State, e audit.Entry) error
	// NoteHeartbeat forgets the heartbeat of a cell that is not there.
	NoteHeartbeat(ctx context.Context, name string, at time.Time, h Heartbeat) error
}

// Service looks after the cells.
type Service struct {
	store Store
	names []string
	now   func() time.Time
}

// NewService returns a service; names are the configured cells.
func NewService(store Store, names []string, now func() time.Time) *Service {
	return &Service{store: store, names: names, now: now}
}

// Now is the service's clock.
func (s *Service) Now() time.Time { return s.now() }

// List returns every cell by name.
func (s *Service) List(ctx context.Context) ([]Cell, error) {
	list, err := s.store.Cells(ctx)
	for i := range list {
		list[i].Configured = slices.Contains(s.names, list[i].Name)
	}
	return list, err
}

// Get returns one cell.
func (s *Service) Get(ctx context.Context, name string) (Cell, error) {
	list, err := s.List(ctx)
	if err != nil {
		return Cell{}, err
	}
	if i := slices.IndexFunc(list, func(c Cell) bool { return c.Name == name }); i >= 0 {
		return list[i], nil
	}
	return Cell{}, fmt.Errorf("there is no cell %s: %w", name, tenancy.ErrNotFound)
}

// Regions returns the regions that a tenant may choose from.
func (s *Service) Regions(ctx context.Context) ([]Region, error) {
	list, err := s.List(ctx)
	return Regions(list, s.now()), err
}

// Drain closes a cell for new tenants.
func (s *Service) Drain(ctx context.Context, p tenancy.Principal, name string) (Cell, error) {
	return s.set(ctx, p, name, StateDraining)
}

// Undrain opens it again.
func (s *Service) Undrain(ctx context.Context, p tenancy.Principal, name string) (Cell, error) {
	return s.set(ctx, p, name, StateActive)
}

func (s *Service) set(ctx context.Context, p tenancy.Principal, name string, state State) (Cell, error) {
	before, err := s.Get(ctx, name)
	if err != nil {
		return Cell{}, err
	}
	e := audit.Of(ctx, p, s.now(), "cell/"+name, map[string]State{"state": state}).From(map[string]State{"state": before.State})
	if err := s.store.SetCellState(ctx, name, state, e); err != nil {
		return Cell{}, err
	}
	return s.Get(ctx, name)
}

// Heard notes what a cell said of itself just now.
func (s *Service) Heard(ctx context.Context, name string, h Heartbeat) error {
	return s.store.NoteHeartbeat(ctx, name, s.now(), h)
}
