package rpc

import (
	"context"
	"encoding/csv"
	"log/slog"
	"net/http"
	"strconv"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/millwright-io/millwright/controlplane/internal/job"
	jobv1 "github.com/millwright-io/millwright/proto/gen/millwright/job/v1"
	"github.com/millwright-io/millwright/tenancy/rpc"
)

// Jobs implements JobServiceHandler.
type Jobs struct{ Jobs *job.Service }

const (
	defaultJobPage   = 50
	defaultErrorPage = 100
)

// Get returns a job.
func (s *Jobs) Get(ctx context.Context, req *jobv1.GetRequest) (*jobv1.GetResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	j, err := s.Jobs.Get(ctx, p, req.GetJobId())
	if err != nil {
		return nil, err
	}
	return &jobv1.GetResponse{Job: jobToProto(j)}, nil
}

// List returns a page of jobs; the page token is the last job shown.
func (s *Jobs) List(ctx context.Context, req *jobv1.ListRequest) (*jobv1.ListResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	size := int(req.GetPageSize())
	if size == 0 {
		size = defaultJobPage
	}
	list, err := s.Jobs.List(ctx, p, req.GetPageToken(), size+1)
	if err != nil {
		return nil, err
	}
	res := &jobv1.ListResponse{}
	if len(list) > size {
		list = list[:size]
		res.NextPageToken = list[size-1].ID
	}
	for _, j := range list {
		res.Jobs = append(res.Jobs, jobToProto(j))
	}
	return res, nil
}

// ListErrors returns a page of failed items.
func (s *Jobs) ListErrors(ctx context.Context, req *jobv1.ListErrorsRequest) (*jobv1.ListErrorsResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	size := int(req.GetPageSize())
	if size == 0 {
		size = defaultErrorPage
	}
	items, err := s.Jobs.Errors(ctx, p, req.GetJobId(), int(req.GetAfter()), size)
	if err != nil {
		return nil, err
	}
	res := &jobv1.ListErrorsResponse{}
	for _, i := range items {
		res.Errors = append(res.Errors, itemErrorToProto(i))
	}
	return res, nil
}

// Cancel ends a job.
func (s *Jobs) Cancel(ctx context.Context, req *jobv1.CancelRequest) (*jobv1.CancelResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	j, err := s.Jobs.Cancel(ctx, p, req.GetJobId())
	if err != nil {
		return nil, err
	}
	return &jobv1.CancelResponse{Job: jobToProto(j)}, nil
}

func itemErrorToProto(i job.Item) *jobv1.ItemError {
	return &jobv1.ItemError{Item: int32(i.Number), Name: i.Name, Error: i.Error} //nolint:gosec // job.MaxItems fits
}

func jobToProto(j job.Job) *jobv1.Job {
	m := &jobv1.Job{
		JobId: j.ID, Kind: string(j.Kind), Title: j.Title, Total: int32(j.Total), Done: int32(j.Done), Failed: int32(j.Failed), //nolint:gosec // as above
		Owner: j.Principal.Actor, CreatedAt: timestamppb.New(j.CreatedAt), Trouble: j.Trouble,
	}
	switch j.State {
	case job.StateRunning:
		m.State = jobv1.JobState_JOB_STATE_RUNNING
	case job.StateDone:
		m.State = jobv1.JobState_JOB_STATE_DONE
	case job.StateCanceled:
		m.State = jobv1.JobState_JOB_STATE_CANCELED
	}
	if !j.EndedAt.IsZero() {
		m.EndedAt = timestamppb.New(j.EndedAt)
		if !j.ResultsUntil.IsZero() {
			m.CredentialsUntil = timestamppb.New(j.ResultsUntil)
		}
	}
	return m
}

// JobErrors answers with a job's failed items as CSV. One that ends with an error ends in the middle of the response.
func JobErrors(jobs *job.Service, log *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		p, err := caller(ctx)
		if err != nil {
			rpc.WriteError(ctx, w, err)
			return
		}
		id := r.PathValue("job_id")
		page, err := jobs.Errors(ctx, p, id, 0, exportPage)
		if err != nil {
			rpc.WriteError(ctx, w, err)
			return
		}
		w.Header().Set("Content-Type", "text/csv; charset=utf-8")
		w.Header().Set("Content-Disposition", `attachment; filename="errors.csv"`)
		out := csv.NewWriter(w)
		_ = out.Write([]string{"item", "name", "error"})
		for len(page) > 0 {
			for _, i := range page {
				_ = out.Write([]string{strconv.Itoa(i.Number), inert(i.Name), inert(i.Error)}) // the reader went away: Flush knows
			}
			if out.Flush(); out.Error() != nil {
				return
			}
			if page, err = jobs.Errors(ctx, p, id, page[len(page)-1].Number, exportPage); err != nil {
				log.ErrorContext(ctx, "export of a job's errors broke off", slog.Any("error", err))
				panic(http.ErrAbortHandler) //nolint:forbidigo // the one way to break off an HTTP response
			}
		}
		out.Flush()
	})
}

// inert keeps a spreadsheet from taking a cell for a formula.
func inert(cell string) string {
	if cell != "" && (cell[0] == '=' || cell[0] == '+' || cell[0] == '-' || cell[0] == '@' || cell[0] == '\t' || cell[0] == '\r') {
		return "'" + cell
	}
	return cell
}
