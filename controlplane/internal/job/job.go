// Package job is the noun of work on many items that goes on after the call that began it was answered. An item's effect
// and the note that it is done are one transaction, so that a job goes on after every crash and does nothing twice. rpc
// and postgres import it, and the nouns that have such work; it imports no vendor and no generated code.
package job

import (
	"context"
	"encoding/json"
	"time"

	"github.com/millwright-io/millwright/controlplane/internal/audit"
	"github.com/millwright-io/millwright/tenancy"
)

// Kind is what a job does. Every kind has one Worker.
type Kind string

// State says how far a job is.
type State string

// The states.
const (
	StateRunning  State = "running"
	StateDone     State = "done"
	StateCanceled State = "canceled"
)

// Job is work on many items.
type Job struct {
	ID    string `json:"job_id"`
	Kind  Kind   `json:"kind"`
	Title string `json:"title"`
	State State  `json:"state"`
	Total int    `json:"total"`
	// Done and Failed count the items that are over.
	Done   int `json:"done"`
	Failed int `json:"failed"`
	// Principal began it; the items are done with the rights of that moment.
	Principal tenancy.Principal `json:"-"`
	Call      tenancy.Call      `json:"-"`
	// Parameters are the worker's own.
	Parameters json.RawMessage `json:"parameters"`
	CreatedAt  time.Time       `json:"created_at"`
	// EndedAt is zero while it runs.
	EndedAt time.Time `json:"ended_at,omitzero"`
	// ResultsUntil is when what it made for its owner is forgotten; zero when there is nothing.
	ResultsUntil time.Time `json:"-"`
	// Trouble is why it does not go on at the moment.
	Trouble string `json:"-"`
}

// Item is a part of a job. Its number is above 0 and unique in the job.
type Item struct {
	Number int
	// Name is what people know it by, e.g. a device id.
	Name string
	// Input is the worker's own.
	Input string
	// Error is why it failed; an item may be added failed.
	Error string
}

// Worker does the items of a kind.
type Worker interface {
	// Do does one item. All that it writes to the control plane's store with ctx is kept if it returns nil, else nothing is.
	// The result, if there is one, is sealed and kept for the job's owner to take once. A tenancy.ErrUnavailable has the item
	// tried again later; any other error of tenancy is the item's end.
	Do(ctx context.Context, j Job, i Item) (result []byte, err error)
}

// Store keeps jobs.
type Store interface {
	// InsertJob fails with a *tenancy.LimitError when maxRunning jobs of the tenant run. It forgets jobs that ended before
	// forget.
	InsertJob(ctx context.Context, id tenancy.ID, j Job, items []Item, maxRunning int, forget time.Time, e audit.Entry) error
	Job(ctx context.Context, id tenancy.ID, job string) (Job, error)
	// Jobs returns jobs, newest first, that began before the job after; of one actor unless that is empty.
	Jobs(ctx context.Context, id tenancy.ID, actor, after string, limit int) ([]Job, error)
	// FailedItems returns failed items with numbers above after, in order.
	FailedItems(ctx context.Context, id tenancy.ID, job string, after, limit int) ([]Item, error)
	// CancelJob fails with ErrConflict when the job has ended.
	CancelJob(ctx context.Context, id tenancy.ID, job string, at time.Time, e audit.Entry) error
	// TakeResults calls take with every result in order and then whole; the results are gone if those return nil. It fails with ErrConflict when
	// there are none.
	TakeResults(ctx context.Context, id tenancy.ID, job string, at time.Time, e audit.Entry, take func(number int, name string, sealed []byte) error, whole func() error) error
}
