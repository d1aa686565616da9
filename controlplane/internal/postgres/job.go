package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/millwright-io/millwright/controlplane/internal/audit"
	"github.com/millwright-io/millwright/controlplane/internal/job"
	"github.com/millwright-io/millwright/tenancy"
)

const insertJob = `
insert into jobs (tenant_id, id, kind, title, state, total, failed, principal, call, parameters, created_at)
values (@tenant, @id, @kind, @title, @state, @total, @failed, @principal, @call, @parameters, @created_at)`

// InsertJob implements job.Store.
func (s *Store) InsertJob(ctx context.Context, id tenancy.ID, j job.Job, items []job.Item, maxRunning int, forget time.Time, e audit.Entry) error {
	principal, err := json.Marshal(j.Principal)
	if err != nil {
		return fmt.Errorf("encode principal: %w", err)
	}
	call, err := json.Marshal(j.Call)
	if err != nil {
		return fmt.Errorf("encode call: %w", err)
	}
	err = s.inTenant(ctx, id, func(tx pgx.Tx) error {
		if _, err := s.lockTenant(ctx, tx, id); err != nil {
			return err
		}
		if err := makeRoom(ctx, tx, id, maxRunning, forget); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, insertJob, pgx.NamedArgs{
			"tenant": id, "id": j.ID, "kind": j.Kind, "title": j.Title, "state": j.State, "total": j.Total, "failed": j.Failed,
			"principal": principal, "call": call, "parameters": []byte(j.Parameters), "created_at": j.CreatedAt,
		})
		if err != nil {
			return fmt.Errorf("insert job: %w", err)
		}
		if err := insertItems(ctx, tx, id, j.ID, items); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "insert into job_queue (tenant_id, job_id, due_at) values ($1, $2, $3)", id, j.ID, j.CreatedAt); err != nil {
			return fmt.Errorf("queue job: %w", err)
		}
		return appendAudit(ctx, tx, e)
	})
	if err == nil {
		s.wakeJobs()
	}
	return err
}

// makeRoom forgets old jobs and holds the tenant to its number of running ones.
func makeRoom(ctx context.Context, tx pgx.Tx, id tenancy.ID, maxRunning int, forget time.Time) error {
	for _, table := range []string{"job_results", "job_items"} {
		query := "delete from " + table + " i using jobs j where i.tenant_id = $1 and j.tenant_id = $1 and j.id = i.job_id and j.ended_at < $2"
		if _, err := tx.Exec(ctx, query, id, forget); err != nil {
			return fmt.Errorf("forget old %s: %w", table, err)
		}
	}
	if _, err := tx.Exec(ctx, "delete from jobs where tenant_id = $1 and ended_at < $2", id, forget); err != nil {
		return fmt.Errorf("forget old jobs: %w", err)
	}
	var running int
	if err := tx.QueryRow(ctx, "select count(*) from jobs where tenant_id = $1 and state = 'running'", id).Scan(&running); err != nil {
		return fmt.Errorf("count jobs: %w", err)
	}
	if running >= maxRunning {
		return &tenancy.LimitError{Limit: tenancy.LimitJobs, Scope: tenancy.ScopeTenant, Current: int64(running), Maximum: int64(maxRunning)}
	}
	return nil
}

func insertItems(ctx context.Context, tx pgx.Tx, id tenancy.ID, name string, items []job.Item) error {
	const insert = `
insert into job_items (tenant_id, job_id, number, name, input, state, error)
select $1, $2, i.number, i.name, i.input, case i.error when '' then 'pending' else 'failed' end, i.error
from unnest($3::integer[], $4::text[], $5::text[], $6::text[]) as i (number, name, input, error)`
	numbers := make([]int, len(items))
	names, inputs, errs := make([]string, len(items)), make([]string, len(items)), make([]string, len(items))
	for at, i := range items {
		numbers[at], names[at], inputs[at], errs[at] = i.Number, i.Name, i.Input, i.Error
	}
	if _, err := tx.Exec(ctx, insert, id, name, numbers, names, inputs, errs); err != nil {
		return fmt.Errorf("insert items of job: %w", err)
	}
	return nil
}

const jobColumns = `
select id, kind, title, state, total, done, failed, principal, call, parameters, created_at, ended_at, results_until, trouble
from jobs `

func scanJob(row pgx.CollectableRow) (j job.Job, err error) {
	var ended, results *time.Time
	var principal, call, parameters []byte
	err = row.Scan(&j.ID, &j.Kind, &j.Title, &j.State, &j.Total, &j.Done, &j.Failed, &principal, &call, &parameters, &j.CreatedAt,
		&ended, &results, &j.Trouble)
	if err == nil {
		err = errors.Join(json.Unmarshal(principal, &j.Principal), json.Unmarshal(call, &j.Call))
	}
	j.Parameters, j.CreatedAt, j.EndedAt, j.ResultsUntil = parameters, j.CreatedAt.UTC(), time0(ended), time0(results)
	return j, err
}

func readJob(ctx context.Context, tx pgx.Tx, id tenancy.ID, name string) (job.Job, error) {
	rows, err := tx.Query(ctx, jobColumns+"where tenant_id = $1 and id = $2", id, name)
	if err != nil {
		return job.Job{}, fmt.Errorf("read job: %w", err)
	}
	j, err := pgx.CollectExactlyOneRow(rows, scanJob)
	if err != nil {
		return job.Job{}, notFound(fmt.Errorf("read job %s: %w", name, err), "there is no job %s", name)
	}
	return j, nil
}

// Job implements job.Store.
func (s *Store) Job(ctx context.Context, id tenancy.ID, name string) (j job.Job, err error) {
	err = s.inTenant(ctx, id, func(tx pgx.Tx) error {
		j, err = readJob(ctx, tx, id, name)
		return err
	})
	return j, err
}

const selectJobs = jobColumns + `
where tenant_id = @tenant and (@actor = '' or principal ->> 'Actor' = @actor)
  and (@after = '' or (created_at, id) < (select a.created_at, a.id from jobs a where a.tenant_id = @tenant and a.id = @after))
order by created_at desc, id desc limit @limit`

// Jobs implements job.Store.
func (s *Store) Jobs(ctx context.Context, id tenancy.ID, actor, after string, limit int) (list []job.Job, err error) {
	err = s.inTenant(ctx, id, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, selectJobs, pgx.NamedArgs{"tenant": id, "actor": actor, "after": after, "limit": limit})
		if err != nil {
			return fmt.Errorf("list jobs: %w", err)
		}
		list, err = pgx.CollectRows(rows, scanJob)
		return err
	})
	return list, err
}

// FailedItems implements job.Store.
func (s *Store) FailedItems(ctx context.Context, id tenancy.ID, name string, after, limit int) (list []job.Item, err error) {
	const query = `
select number, name, error from job_items
where tenant_id = $1 and job_id = $2 and state = 'failed' and number > $3 order by number limit $4`
	err = s.inTenant(ctx, id, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, query, id, name, after, limit)
		if err != nil {
			return fmt.Errorf("list failed items: %w", err)
		}
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (i job.Item, err error) {
			err = row.Scan(&i.Number, &i.Name, &i.Error)
			return i, err
		})
		return err
	})
	return list, err
}

// lockJob waits for the batch that is under way, and keeps others from the job until the transaction ends. It comes
// before the job's own row in every transaction, so that none waits for another in a circle.
func lockJob(ctx context.Context, tx pgx.Tx, id tenancy.ID, name string) error {
	_, err := tx.Exec(ctx, "select from job_queue where tenant_id = $1 and job_id = $2 for update", id, name)
	if err != nil {
		return fmt.Errorf("lock job: %w", err)
	}
	return nil
}

// CancelJob implements job.Store.
func (s *Store) CancelJob(ctx context.Context, id tenancy.ID, name string, at time.Time, e audit.Entry) error {
	return s.inTenant(ctx, id, func(tx pgx.Tx) error {
		if err := lockJob(ctx, tx, id, name); err != nil {
			return err
		}
		j, err := readJob(ctx, tx, id, name)
		if err != nil {
			return err
		}
		if j.State != job.StateRunning {
			return fmt.Errorf("job %s is %s already: %w", name, j.State, tenancy.ErrConflict)
		}
		if err := endJob(ctx, tx, id, name, job.StateCanceled, at, at.Add(job.ResultsLife)); err != nil {
			return err
		}
		return appendAudit(ctx, tx, e)
	})
}

// endJob ends a job. What it made waits until results, and the queue with it.
func endJob(ctx context.Context, tx pgx.Tx, id tenancy.ID, name string, state job.State, at, results time.Time) error {
	const end = `
update jobs set state = @state, ended_at = @at, trouble = '', results_until = case
  when exists (select from job_results where tenant_id = @tenant and job_id = @job) then @results::timestamptz end
where tenant_id = @tenant and id = @job returning results_until`
	var until *time.Time
	err := tx.QueryRow(ctx, end, pgx.NamedArgs{"tenant": id, "job": name, "state": state, "at": at, "results": results}).Scan(&until)
	if err != nil {
		return fmt.Errorf("end job: %w", err)
	}
	if until == nil {
		return leaveQueue(ctx, tx, id, name)
	}
	return requeue(ctx, tx, id, name, *until)
}

func leaveQueue(ctx context.Context, tx pgx.Tx, id tenancy.ID, name string) error {
	if _, err := tx.Exec(ctx, "delete from job_queue where tenant_id = $1 and job_id = $2", id, name); err != nil {
		return fmt.Errorf("take job out of the queue: %w", err)
	}
	return nil
}

func requeue(ctx context.Context, tx pgx.Tx, id tenancy.ID, name string, due time.Time) error {
	if _, err := tx.Exec(ctx, "update job_queue set due_at = $3 where tenant_id = $1 and job_id = $2", id, name, due); err != nil {
		return fmt.Errorf("queue job again: %w", err)
	}
	return nil
}
