package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/millwright-io/millwright/controlplane/internal/audit"
	"github.com/millwright-io/millwright/controlplane/internal/job"
	"github.com/millwright-io/millwright/tenancy"
)

// itemBatch is how many items are read at once.
const itemBatch = 100

// JobsBegan implements job.Queue.
func (s *Store) JobsBegan() <-chan struct{} { return s.jobs }

func (s *Store) wakeJobs() {
	select {
	case s.jobs <- struct{}{}:
	default:
	}
}

// uncounted is a number of devices that nobody has counted yet.
const uncounted = -1

type ambientKey struct{}

// ambient is the transaction of a job's batch, which all that its items do takes part in.
type ambient struct {
	tx     pgx.Tx
	tenant tenancy.ID
	// devices is how many the tenant has, once somebody has counted: the batch holds the lock on the tenant.
	devices *int64
}

// WorkOnJob implements job.Queue. The row of the queue is locked while the batch is done, so that no two processes work
// on a job; with the process goes its connection, and with that the lock and all that was not kept.
func (s *Store) WorkOnJob(ctx context.Context, w job.Work) (more bool, err error) {
	err = translate(pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		var id tenancy.ID
		var name string
		const next = "select tenant_id, job_id from job_queue where due_at <= $1 order by due_at, job_id limit 1 for update skip locked"
		err := tx.QueryRow(ctx, next, w.Now).Scan(&id, &name)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read job queue: %w", err)
		}
		more = true
		if err := set(ctx, tx, "millwright.tenant", string(id)); err != nil {
			return err
		}
		j, err := readJob(ctx, tx, id, name)
		if errors.Is(err, tenancy.ErrNotFound) {
			return leaveQueue(ctx, tx, id, name)
		}
		if err != nil {
			return err
		}
		if j.State != job.StateRunning {
			return forgetResults(ctx, tx, id, name)
		}
		return s.workOn(ctx, tx, id, j, w)
	}))
	if err == nil && more {
		s.wake()
	}
	return more, err
}

// outcome is what became of a batch.
type outcome struct {
	done, failed int
	trouble      error
	left         bool
}

func (s *Store) workOn(ctx context.Context, tx pgx.Tx, id tenancy.ID, j job.Job, w job.Work) error {
	items, err := pendingItems(ctx, tx, id, j.ID)
	if err != nil {
		return err
	}
	if _, err := s.lockTenant(ctx, tx, id); err != nil {
		return err
	}
	var o outcome
	devices := int64(uncounted)
	for n, i := range items {
		if o.left = n > 0 && !w.Going(); o.left {
			break
		}
		note, err := s.workOnItem(ctx, tx, id, &devices, j, i, w)
		if err != nil {
			o.trouble = err
			break
		}
		if note == "" {
			o.done++
		} else {
			o.failed++
		}
	}
	o.left = o.left || o.trouble != nil || len(items) == itemBatch
	return settleBatch(ctx, tx, id, j, w, o)
}

func pendingItems(ctx context.Context, tx pgx.Tx, id tenancy.ID, name string) ([]job.Item, error) {
	const query = "select number, name, input from job_items where tenant_id = $1 and job_id = $2 and state = 'pending' order by number limit $3"
	rows, err := tx.Query(ctx, query, id, name, itemBatch)
	if err != nil {
		return nil, fmt.Errorf("read items of job: %w", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (i job.Item, err error) {
		err = row.Scan(&i.Number, &i.Name, &i.Input)
		return i, err
	})
}

// workOnItem does one item within a savepoint and notes it. An error means that the item is to be tried again.
func (s *Store) workOnItem(ctx context.Context, tx pgx.Tx, id tenancy.ID, devices *int64, j job.Job, i job.Item, w job.Work) (note string, err error) {
	before := *devices
	err = pgx.BeginFunc(ctx, tx, func(inner pgx.Tx) error {
		sealed, err := w.Do(context.WithValue(ctx, ambientKey{}, ambient{inner, id, devices}), j, i)
		if err != nil || sealed == nil {
			return err
		}
		const keep = "insert into job_results (tenant_id, job_id, number, sealed) values ($1, $2, $3, $4)"
		if _, err := inner.Exec(ctx, keep, id, j.ID, i.Number, sealed); err != nil {
			return fmt.Errorf("keep result of item %d: %w", i.Number, err)
		}
		return nil
	})
	state := "done"
	if err != nil {
		*devices = before
		var final bool
		if note, final = w.Failed(err); !final {
			return "", err
		}
		state = "failed"
	}
	const settle = "update job_items set state = $4, error = $5, input = '' where tenant_id = $1 and job_id = $2 and number = $3"
	if _, err := tx.Exec(ctx, settle, id, j.ID, i.Number, state, note); err != nil {
		return "", fmt.Errorf("note item %d: %w", i.Number, err)
	}
	return note, nil
}

// settleBatch keeps the figures, and ends the job or gives the next one its turn.
func settleBatch(ctx context.Context, tx pgx.Tx, id tenancy.ID, j job.Job, w job.Work, o outcome) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	trouble, due := "", w.Now
	if o.trouble != nil {
		trouble, due = o.trouble.Error(), w.Later
	}
	const count = "update jobs set done = done + $3, failed = failed + $4, trouble = $5 where tenant_id = $1 and id = $2"
	if _, err := tx.Exec(ctx, count, id, j.ID, o.done, o.failed, trouble); err != nil {
		return fmt.Errorf("count items of job: %w", err)
	}
	if o.left {
		return requeue(ctx, tx, id, j.ID, due)
	}
	return endJob(ctx, tx, id, j.ID, job.StateDone, w.Now, w.Results)
}

// forgetResults ends the wait for somebody who takes them.
func forgetResults(ctx context.Context, tx pgx.Tx, id tenancy.ID, name string) error {
	if _, err := tx.Exec(ctx, "delete from job_results where tenant_id = $1 and job_id = $2", id, name); err != nil {
		return fmt.Errorf("forget results of job: %w", err)
	}
	if _, err := tx.Exec(ctx, "update jobs set results_until = null where tenant_id = $1 and id = $2", id, name); err != nil {
		return fmt.Errorf("forget results of job: %w", err)
	}
	return leaveQueue(ctx, tx, id, name)
}

// TakeResults implements job.Store.
func (s *Store) TakeResults(ctx context.Context, id tenancy.ID, name string, at time.Time, e audit.Entry,
	take func(number int, name string, sealed []byte) error, whole func() error,
) error {
	return s.inTenant(ctx, id, func(tx pgx.Tx) error {
		if err := lockJob(ctx, tx, id, name); err != nil {
			return err
		}
		j, err := readJob(ctx, tx, id, name)
		if err != nil {
			return err
		}
		if j.ResultsUntil.IsZero() || at.After(j.ResultsUntil) {
			return fmt.Errorf("what job %s made was taken already: %w", name, tenancy.ErrConflict)
		}
		const query = `
select r.number, i.name, r.sealed from job_results r join job_items i using (tenant_id, job_id, number)
where tenant_id = $1 and job_id = $2 order by r.number`
		rows, err := tx.Query(ctx, query, id, name)
		if err != nil {
			return fmt.Errorf("read results of job: %w", err)
		}
		var number int
		var item string
		var sealed []byte
		_, err = pgx.ForEachRow(rows, []any{&number, &item, &sealed}, func() error { return take(number, item, sealed) })
		if err != nil {
			return err
		}
		if err := whole(); err != nil {
			return err
		}
		if err := forgetResults(ctx, tx, id, name); err != nil {
			return err
		}
		return appendAudit(ctx, tx, e)
	})
}
