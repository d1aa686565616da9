package rpc

import (
	"context"
	"net/http"
	"net/http/pprof"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/millwright-io/millwright/dataplane/internal/pipeline"
	pipelinev1 "github.com/millwright-io/millwright/proto/gen/millwright/pipeline/v1"
	"github.com/millwright-io/millwright/tenancy"
	tenancyrpc "github.com/millwright-io/millwright/tenancy/rpc"
)

// Pipeline tells how events fare in the cell, as far as its members answer.
type Pipeline interface {
	Figures(ctx context.Context) (f pipeline.Figures, members int, err error)
}

type pipelineService struct{ deps Deps }

// Get implements PipelineService.
func (s *pipelineService) Get(ctx context.Context, _ *pipelinev1.GetRequest) (*pipelinev1.GetResponse, error) {
	f, members, err := s.deps.Pipeline.Figures(ctx)
	if err != nil {
		return nil, err
	}
	out := &pipelinev1.GetResponse{
		Cell: s.deps.Cell, Version: s.deps.Version, StartedAt: timestamppb.New(f.Started), Span: durationpb.New(f.Span),
		StoredPerSecond: f.Stored, DuplicatesPerSecond: f.Duplicates, DeadLettersPerSecond: f.DeadLetters,
		Sessions: int32(f.Sessions), LiveSessions: int32(f.LiveSessions), Processes: int32(f.Processes), Members: int32(members), //nolint:gosec // counts
	}
	for _, p := range f.Partitions {
		out.Partitions = append(out.Partitions, &pipelinev1.Partition{
			Partition: int32(p.Partition), Waiting: p.Messages, Behind: durationpb.New(p.Behind), Committed: p.Committed, //nolint:gosec // a small number
		})
	}
	for _, stage := range f.Stages {
		m := &pipelinev1.Stage{Stage: stage.Name, PerSecond: stage.PerSecond}
		if stage.PerSecond > 0 {
			m.P50, m.P99 = durationpb.New(stage.P50), durationpb.New(stage.P99)
		}
		out.Stages = append(out.Stages, m)
	}
	for _, r := range f.Refusals {
		out.Refusals = append(out.Refusals, &pipelinev1.Refusal{Reason: r.Reason, PerSecond: r.PerSecond})
	}
	for _, t := range f.Tenants {
		out.Tenants = append(out.Tenants, &pipelinev1.TenantRate{
			TenantId: string(t.ID), EventsPerSecond: t.Events, PointsPerSecond: t.Points, DeadLettersPerSecond: t.DeadLetters,
		})
	}
	return out, nil
}

// longestProfile bounds how long one call may profile.
const longestProfile = time.Minute

// profiles serves net/http/pprof to operators of the installation.
func profiles(chain *tenancyrpc.Chain) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	return chain.HTTP("profile", tenancy.ActionPlatformProfile, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if text := r.URL.Query().Get("seconds"); text != "" {
			if d, err := time.ParseDuration(text + "s"); err != nil || d <= 0 || d > longestProfile {
				http.Error(w, "seconds: want a number above 0, at most 60", http.StatusBadRequest)
				return
			}
		}
		_ = http.NewResponseController(w).SetReadDeadline(time.Time{}) // HTTP/2 has none to lift
		mux.ServeHTTP(w, r)
	}))
}
