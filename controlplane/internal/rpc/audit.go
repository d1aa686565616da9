package rpc

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/millwright-io/millwright/controlplane/internal/audit"
	auditv1 "github.com/millwright-io/millwright/proto/gen/millwright/audit/v1"
	"github.com/millwright-io/millwright/tenancy"
)

// AuditLog reads the audit log.
type AuditLog interface {
	// AuditEntries returns entries that match, with numbers below before (0: from the newest on), newest first.
	AuditEntries(ctx context.Context, id tenancy.ID, f audit.Filter, before int64, limit int) ([]audit.Entry, error)
}

// Audit implements AuditServiceHandler.
type Audit struct{ Log AuditLog }

const defaultPage = 100

// List returns a page of the audit log; the page token is the number of the last entry shown.
func (s *Audit) List(ctx context.Context, req *auditv1.ListRequest) (*auditv1.ListResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	list, next, err := auditPage(req, func(f audit.Filter, before int64, size int) ([]audit.Entry, error) {
		return s.Log.AuditEntries(ctx, p.Tenant, f, before, size)
	})
	return &auditv1.ListResponse{Entries: list, NextPageToken: next}, err
}

// auditQuery is what the requests for a tenant's and for the platform's log have in common.
type auditQuery interface {
	GetPageSize() int32
	GetPageToken() string
	GetActor() string
	GetAction() string
	GetObject() string
	GetOutcome() auditv1.Outcome
	GetStart() *timestamppb.Timestamp
	GetEnd() *timestamppb.Timestamp
}

// auditPage reads a page of an audit log, and returns the token of the next one.
func auditPage(req auditQuery, read func(f audit.Filter, before int64, size int) ([]audit.Entry, error)) (page []*auditv1.Entry, next string, err error) {
	size := int(req.GetPageSize())
	if size == 0 {
		size = defaultPage
	}
	var before int64
	if t := req.GetPageToken(); t != "" {
		if before, err = strconv.ParseInt(t, 10, 64); err != nil || before <= 0 {
			return nil, "", fmt.Errorf("page_token: use the one of the response before: %w", tenancy.ErrInvalid)
		}
	}
	f, err := auditFilter(req)
	if err != nil {
		return nil, "", err
	}
	list, err := read(f, before, size)
	if err != nil {
		return nil, "", err
	}
	for _, e := range list {
		page = append(page, auditToProto(e))
	}
	if len(list) == size {
		next = strconv.FormatInt(list[size-1].ID, 10)
	}
	return page, next, nil
}

func auditFilter(req auditQuery) (f audit.Filter, err error) {
	f = audit.Filter{
		Actor: req.GetActor(), Action: req.GetAction(), Object: req.GetObject(),
		Done: req.GetOutcome() == auditv1.Outcome_OUTCOME_DONE, Refused: req.GetOutcome() == auditv1.Outcome_OUTCOME_REFUSED,
	}
	if f.Start, err = timeFromProto("start", req.GetStart()); err != nil {
		return f, err
	}
	f.End, err = timeFromProto("end", req.GetEnd())
	return f, err
}

// timeFromProto returns the zero time for what was not given.
func timeFromProto(name string, t *timestamppb.Timestamp) (time.Time, error) {
	if t == nil {
		return time.Time{}, nil
	}
	if err := t.CheckValid(); err != nil {
		return time.Time{}, fmt.Errorf("%s: %w: %w", name, err, tenancy.ErrInvalid)
	}
	return t.AsTime(), nil
}

func auditToProto(e audit.Entry) *auditv1.Entry {
	return &auditv1.Entry{
		Number: e.ID, OccurredAt: timestamppb.New(e.OccurredAt), Actor: e.Actor, Action: e.Action, Object: e.Object, Outcome: e.Outcome,
		BeforeJson: e.BeforeJSON, AfterJson: e.AfterJSON, RemoteAddress: e.RemoteAddress, RequestId: e.RequestID, Hash: e.Hash,
	}
}
