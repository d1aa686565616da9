package job

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/millwright-io/millwright/controlplane/internal/audit"
	"github.com/millwright-io/millwright/tenancy"
)

const (
	// MaxItems bounds a job.
	MaxItems = tenancy.MaxJobItems
	// maxRunning bounds the jobs of a tenant that run at once.
	maxRunning = tenancy.MaxJobs
	// keep is how long a job is remembered after its end.
	keep = 90 * 24 * time.Hour
)

// Sealer keeps secrets at rest, bound to a name.
type Sealer interface {
	Seal(ctx context.Context, name string, secret []byte) ([]byte, error)
	Open(ctx context.Context, name string, sealed []byte) ([]byte, error)
}

// Service begins and shows jobs.
type Service struct {
	store  Store
	sealer Sealer
	now    func() time.Time
}

// NewService returns a service.
func NewService(store Store, sealer Sealer, now func() time.Time) *Service {
	return &Service{store: store, sealer: sealer, now: now}
}

// Start begins a job in the name of p, and returns at once. Items that have an error already count as failed.
func (s *Service) Start(ctx context.Context, p tenancy.Principal, kind Kind, title string, parameters any, items []Item) (Job, error) {
	if len(items) == 0 {
		return Job{}, fmt.Errorf("there is nothing to do: %w", tenancy.ErrInvalid)
	}
	if len(items) > MaxItems {
		return Job{}, &tenancy.LimitError{Limit: tenancy.LimitJobItems, Scope: "job", Current: int64(len(items)), Maximum: MaxItems}
	}
	text, err := json.Marshal(parameters)
	if err != nil {
		return Job{}, fmt.Errorf("encode parameters of job %s: %w", kind, err)
	}
	now := s.now().UTC()
	j := Job{
		ID: string(tenancy.NewID()), Kind: kind, Title: title, State: StateRunning, Total: len(items), Principal: p,
		Call: tenancy.CallFrom(ctx), Parameters: text, CreatedAt: now,
	}
	for _, i := range items {
		if i.Error != "" {
			j.Failed++
		}
	}
	e := audit.Of(ctx, p, now, object(j.ID), j)
	if err := s.store.InsertJob(ctx, p.Tenant, j, items, maxRunning, now.Add(-keep), e); err != nil {
		return Job{}, err
	}
	return j, nil
}

// Get returns a job, or an ErrNotFound: also for one that the caller may not see.
func (s *Service) Get(ctx context.Context, p tenancy.Principal, id string) (Job, error) {
	j, err := s.store.Job(ctx, p.Tenant, id)
	if err != nil {
		return Job{}, err
	}
	if len(p.Facilities) > 0 && j.Principal.Actor != p.Actor {
		return Job{}, fmt.Errorf("there is no job %s: %w", id, tenancy.ErrNotFound)
	}
	return j, nil
}

// List returns the jobs that the caller sees, newest first; after is the last job of the page before.
func (s *Service) List(ctx context.Context, p tenancy.Principal, after string, limit int) ([]Job, error) {
	actor := ""
	if len(p.Facilities) > 0 {
		actor = p.Actor
	}
	return s.store.Jobs(ctx, p.Tenant, actor, after, limit)
}

// Errors returns a page of the failed items.
func (s *Service) Errors(ctx context.Context, p tenancy.Principal, id string, after, limit int) ([]Item, error) {
	if _, err := s.Get(ctx, p, id); err != nil {
		return nil, err
	}
	return s.store.FailedItems(ctx, p.Tenant, id, after, limit)
}

// Cancel ends a job; what is done stays done.
func (s *Service) Cancel(ctx context.Context, p tenancy.Principal, id string) (Job, error) {
	if _, err := s.Get(ctx, p, id); err != nil {
		return Job{}, err
	}
	now := s.now().UTC()
	e := audit.Of(ctx, p, now, object(id), map[string]State{"state": StateCanceled}).From(map[string]State{"state": StateRunning})
	if err := s.store.CancelJob(ctx, p.Tenant, id, now, e); err != nil {
		return Job{}, err
	}
	return s.store.Job(ctx, p.Tenant, id)
}

// Take hands what a job made to take, item by item, once: when take has returned nil for all, and whole after that, it is
// gone. Only who began the job may take it, after its end.
func (s *Service) Take(ctx context.Context, p tenancy.Principal, id string, take func(name string, result []byte) error, whole func() error) error {
	j, err := s.Get(ctx, p, id)
	if err != nil {
		return err
	}
	switch now := s.now(); {
	case j.Principal.Actor != p.Actor:
		return fmt.Errorf("what job %s made is for %s, who began it: %w", id, j.Principal.Actor, tenancy.ErrForbidden)
	case j.State == StateRunning:
		return fmt.Errorf("job %s runs: take what it makes after its end: %w", id, tenancy.ErrConflict)
	case j.ResultsUntil.IsZero() || now.After(j.ResultsUntil):
		return fmt.Errorf("job %s has nothing to take, or no longer: %w", id, tenancy.ErrConflict)
	}
	e := audit.Of(ctx, p, s.now(), object(id)+"/results", nil)
	return s.store.TakeResults(ctx, p.Tenant, id, s.now(), e, func(number int, name string, sealed []byte) error {
		result, err := s.sealer.Open(ctx, SealName(p.Tenant, id, number), sealed)
		if err != nil {
			return err
		}
		return take(name, result)
	}, whole)
}

func object(id string) string { return "job/" + id }

// SealName binds a result to its place.
func SealName(id tenancy.ID, job string, number int) string {
	return fmt.Sprintf("job/%s/%s/%d", id, job, number)
}

var ends = []error{
	tenancy.ErrInvalid, tenancy.ErrNotFound, tenancy.ErrConflict, tenancy.ErrExists, tenancy.ErrForbidden, tenancy.ErrOverLimit,
}

// final reports whether an item that failed with err need not be tried again.
func final(err error) bool {
	return slices.ContainsFunc(ends, func(kind error) bool { return errors.Is(err, kind) })
}

// sentence is err without the name of its kind.
func sentence(err error) string {
	text := err.Error()
	for _, kind := range ends {
		text = strings.TrimSuffix(text, ": "+kind.Error())
	}
	return text
}
