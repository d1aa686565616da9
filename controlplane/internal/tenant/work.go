package tenant

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/millwright-io/millwright/controlplane/internal/audit"
	"github.com/millwright-io/millwright/tenancy"
)

// Task is what is being done to a tenant in steps.
type Task string

// The tasks.
const (
	TaskProvision Task = "provision"
	TaskDelete    Task = "delete"
)

// StepState says how far a step is.
type StepState string

// The states of a step.
const (
	StepWaiting StepState = "waiting"
	StepRunning StepState = "running"
	StepDone    StepState = "done"
)

// The steps by name.
const (
	stepAuthority   = "authority"
	stepCatalog     = "catalog"
	stepStorage     = "storage"
	stepReady       = "ready"
	stepCredentials = "credentials"
	stepRows        = "rows"
)

// Steps are the names of a task's steps, in order.
func (t Task) Steps() []string {
	if t == TaskDelete {
		return []string{stepCredentials, stepStorage, stepCatalog, stepRows}
	}
	return []string{stepAuthority, stepCatalog, stepStorage, stepReady}
}

var titles = map[Task]map[string]string{
	TaskProvision: {
		stepAuthority: "Make the certificate authority", stepCatalog: "Tell the cell",
		stepStorage: "Prepare the database", stepReady: "Open for devices",
	},
	TaskDelete: {
		stepCredentials: "Revoke certificates and keys", stepStorage: "Remove the database", stepCatalog: "Remove from the cell's catalog",
		stepRows: "Remove what the control plane has",
	},
}

// Step is one step of a task.
type Step struct {
	Task       Task
	Name       string
	State      StepState
	Attempts   int
	Detail     string
	FinishedAt time.Time
}

// Title says what the step does.
func (s Step) Title() string { return titles[s.Task][s.Name] }

// Removed is what is left of a tenant that was deleted.
type Removed struct {
	ID          tenancy.ID
	Name        string
	Cell        string
	Person      string
	RequestedBy string
	RequestedAt time.Time
	RemovedAt   time.Time
	// VerifiedAt is zero until everything was looked through again and nothing was found.
	VerifiedAt time.Time
	// Counts says how many of each were removed.
	Counts map[string]int64
	// Audit is the exported audit log, one JSON entry a line.
	Audit string
}

// WorkStore knows which tenants have a step to be taken. A step may be taken twice, after a crash in between: every
// effect is idempotent.
type WorkStore interface {
	Tenant(ctx context.Context, id tenancy.ID) (Tenant, error)
	// ClaimWork returns a tenant whose step is due and puts it off until the lease ends, so that nobody else takes it.
	ClaimWork(ctx context.Context, now, lease time.Time) (id tenancy.ID, ok bool, err error)
	// SettleStep notes what came of the attempt and when the next is due; with a done step the next one is due at once.
	// Without a further step the task is over.
	SettleStep(ctx context.Context, id tenancy.ID, s Step, due time.Time) error
	// PutAuthority keeps the first intermediate CA of a tenant.
	PutAuthority(ctx context.Context, id tenancy.ID, certificate, sealedKey []byte, at time.Time) error
	// AnnounceTenant leaves the tenant in the outbox.
	AnnounceTenant(ctx context.Context, id tenancy.ID) error
	// Announced reports whether the cell's catalog has the tenant as it is.
	Announced(ctx context.Context, id tenancy.ID) (bool, error)
	ActivateTenant(ctx context.Context, id tenancy.ID, e audit.Entry) error
	// EndCredentials makes every certificate, key and invitation of a tenant that is due to be removed useless and marks it
	// as being removed.
	EndCredentials(ctx context.Context, id tenancy.ID, now time.Time, e audit.Entry) (detail string, err error)
	// ForgetCatalog calls forget while nobody else writes the cell's catalog, and sees to it that the tenant is not sent again.
	ForgetCatalog(ctx context.Context, id tenancy.ID, cell string, forget func(context.Context) (detail string, err error)) error
	AuditAfter(ctx context.Context, id tenancy.ID, number int64, limit int) ([]audit.Entry, error)
	// RemoveTenant removes every row and leaves r, whose counts it completes. exported is the number of the last audit entry in r.
	RemoveTenant(ctx context.Context, r Removed, exported int64) error
	// NextUnverified returns a removed tenant that was not looked through again, due now, and puts it off to the lease's end.
	NextUnverified(ctx context.Context, now, lease time.Time) (r Removed, ok bool, err error)
	// CountTenant returns how many rows of each table are left of a tenant.
	CountTenant(ctx context.Context, id tenancy.ID) (map[string]int64, error)
	SetVerified(ctx context.Context, id tenancy.ID, at time.Time) error
	// Work wakes the worker after a transaction of this process made a step due.
	Work() <-chan struct{}
}

// Catalogs are those of the cells.
type Catalogs interface {
	// Forget removes every entry of a tenant and returns how many there were.
	Forget(ctx context.Context, cell string, id tenancy.ID) (int, error)
	// Erase removes what is still known of entries that were removed, and returns how many entries there are none the less.
	Erase(ctx context.Context, cell string, id tenancy.ID) (int, error)
}

const (
	// workPoll finds what other processes made due, and what was put off.
	workPoll = 500 * time.Millisecond
	// workLease is how long a step may take; after a crash another process goes on when it is over.
	workLease = 10 * time.Second
	// waitFirst and waitLast bound the wait for others; a failure waits longer from attempt to attempt, up to failLast.
	waitFirst = 100 * time.Millisecond
	waitLast  = 2 * time.Second
	failFirst = 500 * time.Millisecond
	failLast  = time.Minute
	// settling is how long the cell still knows that a tenant was removed after its storage is gone: more than the log
	// can hold of it.
	settling = 10 * time.Second
	// auditPage is how many audit entries are exported at once.
	auditPage = 1000
)

// errWait says that a step waits for somebody else; its text says for whom.
type errWait struct {
	text string
	wait time.Duration
}

func (e errWait) Error() string { return e.text }

// Worker takes the steps of tenants that are provisioned or removed.
type Worker struct {
	store    WorkStore
	issuer   Issuer
	catalogs Catalogs
	line     func(audit.Entry) ([]byte, error)
	// final issues a tenant's last invoice: it is kept, unlike what it was made of.
	final func(context.Context, tenancy.ID) error
	log   *slog.Logger
	now   func() time.Time
}

// NewWorker returns a worker; line writes an audit entry as a line of an export, final issues the last invoice of a tenant that is to
// be removed, and may be called again.
func NewWorker(store WorkStore, issuer Issuer, catalogs Catalogs, line func(audit.Entry) ([]byte, error), final func(context.Context, tenancy.ID) error, log *slog.Logger, now func() time.Time) *Worker {
	return &Worker{store: store, issuer: issuer, catalogs: catalogs, line: line, final: final, log: log, now: now}
}

// Run works until ctx is done.
func (w *Worker) Run(ctx context.Context) error {
	tick := time.NewTicker(workPoll)
	defer tick.Stop()
	for {
		if err := w.round(ctx); err != nil && ctx.Err() == nil {
			w.log.WarnContext(ctx, "cannot work on tenants", slog.Any("error", err))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-w.store.Work():
		}
	}
}

// round takes every step that is due.
func (w *Worker) round(ctx context.Context) error {
	for ctx.Err() == nil {
		id, ok, err := w.store.ClaimWork(ctx, w.now(), w.now().Add(workLease))
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		if err := w.Advance(ctx, id); err != nil {
			return err
		}
	}
	return w.verify(ctx)
}

// Advance takes steps of a claimed tenant until one is not done.
func (w *Worker) Advance(ctx context.Context, id tenancy.ID) error {
	ctx, cancel := context.WithTimeout(ctx, workLease)
	defer cancel()
	for {
		t, err := w.store.Tenant(ctx, id)
		if errors.Is(err, tenancy.ErrNotFound) {
			return nil // the last step removed it
		}
		if err != nil {
			return err
		}
		s, ok := t.next()
		if !ok {
			return nil
		}
		s.Attempts++
		detail, err := w.take(ctx, t, s)
		due := w.settle(&s, detail, err)
		if err := w.store.SettleStep(ctx, id, s, due); err != nil && !errors.Is(err, tenancy.ErrNotFound) {
			return err
		}
		if s.State != StepDone {
			return nil
		}
	}
}

// next is the first step that is not done of the task at hand.
func (t Tenant) next() (Step, bool) {
	task := TaskProvision
	if !t.Deletion.DueAt.IsZero() {
		task = TaskDelete
	}
	for _, s := range t.Steps {
		if s.Task == task && s.State != StepDone {
			return s, true
		}
	}
	return Step{}, false
}

// settle says how the step stands after an attempt and when the next is due.
func (w *Worker) settle(s *Step, detail string, err error) time.Time {
	now := w.now().UTC()
	var wait errWait
	switch {
	case err == nil:
		s.State, s.Detail, s.FinishedAt = StepDone, detail, now
		return now
	case errors.As(err, &wait):
		s.State, s.Detail = StepRunning, wait.text
		return now.Add(max(wait.wait, grown(waitFirst, waitLast, s.Attempts)))
	default:
		w.log.Warn("a step failed, trying again", slog.String("task", string(s.Task)), slog.String("step", s.Name),
			slog.Int("attempt", s.Attempts), slog.Any("error", err))
		s.State, s.Detail = StepRunning, "failed, trying again: "+failure(err)
		return now.Add(grown(failFirst, failLast, s.Attempts))
	}
}

// failure is what people may read of an error: the sentences of our own kinds.
func failure(err error) string {
	for _, kind := range []error{tenancy.ErrUnavailable, tenancy.ErrConflict, tenancy.ErrInvalid} {
		if errors.Is(err, kind) {
			return err.Error()
		}
	}
	return "the operator finds the cause in the log"
}

func grown(first, last time.Duration, attempts int) time.Duration {
	return min(first<<min(max(attempts-1, 0), 16), last)
}

// take is one attempt at a step; its detail says what it came to.
func (w *Worker) take(ctx context.Context, t Tenant, s Step) (detail string, err error) {
	switch string(s.Task) + "/" + s.Name {
	case "provision/authority":
		certificate, sealed, err := w.issuer.NewIntermediate(ctx, t.ID)
		if err != nil {
			return "", fmt.Errorf("make intermediate CA: %w", err)
		}
		return "", w.store.PutAuthority(ctx, t.ID, certificate, sealed, w.now().UTC())
	case "provision/catalog":
		return "", w.announce(ctx, t, s)
	case "provision/storage":
		return "", errWait{text: "the cell " + t.Cell + " makes the database"}
	case "provision/ready":
		return "", w.store.ActivateTenant(ctx, t.ID, w.entry(t, map[string]Status{"status": StatusActive}))
	case "delete/credentials":
		return w.store.EndCredentials(ctx, t.ID, w.now().UTC(), w.entry(t, map[string]bool{"removing": true}))
	case "delete/storage":
		return "", errWait{text: "the cell " + t.Cell + " removes the database"}
	case "delete/catalog":
		return w.forget(ctx, t)
	case "delete/rows":
		return "", w.remove(ctx, t)
	}
	return "", fmt.Errorf("step %s of task %s is unknown", s.Name, s.Task)
}

func (w *Worker) entry(t Tenant, after any) audit.Entry {
	e := audit.Of(context.Background(), tenancy.Principal{Tenant: t.ID, Actor: audit.System}, w.now(), object(t.ID), after)
	e.Action = "provision"
	if !t.Deletion.DueAt.IsZero() {
		e.Action = "delete"
	}
	return e
}

// announce leaves the tenant in the outbox at the first attempt and waits until it was delivered.
func (w *Worker) announce(ctx context.Context, t Tenant, s Step) error {
	if s.Attempts == 1 {
		if err := w.store.AnnounceTenant(ctx, t.ID); err != nil {
			return err
		}
		return errWait{text: "on its way to the cell " + t.Cell}
	}
	delivered, err := w.store.Announced(ctx, t.ID)
	if err == nil && !delivered {
		err = errWait{text: "the catalog of the cell " + t.Cell + " cannot be reached now"}
	}
	return err
}

func (w *Worker) forget(ctx context.Context, t Tenant) (string, error) {
	for _, s := range t.Steps {
		if s.Task == TaskDelete && s.Name == stepStorage {
			if left := s.FinishedAt.Add(settling).Sub(w.now()); left > 0 {
				return "", errWait{"waiting until nothing of it is on its way in the cell", left}
			}
		}
	}
	return "", w.store.ForgetCatalog(ctx, t.ID, t.Cell, func(ctx context.Context) (string, error) {
		n, err := w.catalogs.Forget(ctx, t.Cell, t.ID)
		return fmt.Sprintf(catalogDetail, n), err
	})
}

// remove issues the last invoice, exports the audit log and removes every row.
func (w *Worker) remove(ctx context.Context, t Tenant) error {
	if err := w.final(ctx, t.ID); err != nil {
		return fmt.Errorf("issue the last invoice: %w", err)
	}
	var export bytes.Buffer
	last := int64(0)
	for {
		entries, err := w.store.AuditAfter(ctx, t.ID, last, auditPage)
		if err != nil {
			return err
		}
		for _, e := range entries {
			line, err := w.line(e)
			if err != nil {
				return fmt.Errorf("export audit entry %d: %w", e.ID, err)
			}
			export.Write(line)
			last = e.ID
		}
		if len(entries) < auditPage {
			break
		}
	}
	now := w.now().UTC()
	return w.store.RemoveTenant(ctx, Removed{
		ID: t.ID, Name: t.Settings.Name, Cell: t.Cell, Person: t.Deletion.Person, RequestedBy: t.Deletion.By, RequestedAt: t.Deletion.RequestedAt,
		RemovedAt: now, Audit: export.String(), Counts: storageCounts(t),
	}, last)
}

// storageCounts reads what the cell reported of the storage, and what was removed from its catalog.
func storageCounts(t Tenant) map[string]int64 {
	counts := map[string]int64{}
	for _, s := range t.Steps {
		if s.Task != TaskDelete {
			continue
		}
		var a, b, c int64
		if n, _ := fmt.Sscanf(s.Detail, storageDetail, &a, &b, &c); s.Name == stepStorage && n == 3 {
			counts["store_tables"], counts["store_rows"], counts["store_bytes"] = a, b, c
		}
		if n, _ := fmt.Sscanf(s.Detail, catalogDetail, &a); s.Name == stepCatalog && n == 1 {
			counts["catalog_entries"] = a
		}
	}
	return counts
}

// How the steps of a removal say what was removed.
const (
	storageDetail = "%d tables, %d rows, %d bytes"
	catalogDetail = "%d entries"
)

// verify looks through removed tenants again.
func (w *Worker) verify(ctx context.Context) error {
	for ctx.Err() == nil {
		r, ok, err := w.store.NextUnverified(ctx, w.now(), w.now().Add(workLease))
		if err != nil || !ok {
			return err
		}
		rows, err := w.store.CountTenant(ctx, r.ID)
		if err != nil {
			return err
		}
		entries, err := w.catalogs.Erase(ctx, r.Cell, r.ID)
		if err != nil {
			return err
		}
		if len(rows) > 0 || entries > 0 {
			w.log.ErrorContext(ctx, "something is left of a removed tenant", slog.String("tenant", string(r.ID)), slog.Any("rows", rows), slog.Int("catalog_entries", entries))
			continue
		}
		if err := w.store.SetVerified(ctx, r.ID, w.now().UTC()); err != nil {
			return err
		}
	}
	return nil
}
