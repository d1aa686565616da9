package rpc

import (
	"context"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/millwright-io/millwright/controlplane/internal/limit"
	"github.com/millwright-io/millwright/controlplane/internal/tenant"
	limitv1 "github.com/millwright-io/millwright/proto/gen/millwright/limit/v1"
	"github.com/millwright-io/millwright/tenancy"
)

// Limits implements LimitServiceHandler.
type Limits struct{ Limits *limit.Service }

// List returns the limits of the caller's tenant.
func (s *Limits) List(ctx context.Context, _ *limitv1.ListRequest) (*limitv1.ListResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	list, plan, err := s.Limits.List(ctx, p.Tenant)
	if err != nil {
		return nil, err
	}
	return &limitv1.ListResponse{Limits: limitsOf(list), Plan: plan}, nil
}

// History returns the use of one limit over time.
func (s *Limits) History(ctx context.Context, req *limitv1.HistoryRequest) (*limitv1.HistoryResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	start, err := timeFromProto("start", req.GetStart())
	if err != nil {
		return nil, err
	}
	end, err := timeFromProto("end", req.GetEnd())
	if err != nil {
		return nil, err
	}
	uses, span, err := s.Limits.History(ctx, p.Tenant, req.GetLimit(), start, end)
	if err != nil {
		return nil, err
	}
	res := &limitv1.HistoryResponse{SpanSeconds: int64(span / time.Second)}
	for _, u := range uses {
		res.Uses = append(res.Uses, &limitv1.Use{Start: timestamppb.New(u.Start), Used: u.Used, Maximum: u.Maximum, Refused: u.Refused})
	}
	return res, nil
}

const defaultRefusals = 100

// ListRefusals returns what was refused lately. Who may not see every device sees no device's name here either.
func (s *Limits) ListRefusals(ctx context.Context, req *limitv1.ListRefusalsRequest) (*limitv1.ListRefusalsResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	most := int(req.GetPageSize())
	if most == 0 {
		most = defaultRefusals
	}
	list, err := s.Limits.Refusals(ctx, p.Tenant, most)
	if err != nil {
		return nil, err
	}
	nameless := len(p.Facilities) > 0 || !p.Role.May(tenancy.ActionDevicesRead) || !p.InScope(tenancy.ActionDevicesRead)
	res := &limitv1.ListRefusalsResponse{}
	for _, r := range list {
		if kind, _, named := strings.Cut(r.Scope, " "); named && nameless {
			r.Scope = kind
		}
		res.Refusals = append(res.Refusals, &limitv1.Refusal{
			Limit: r.Limit, Scope: r.Scope, Minute: timestamppb.New(r.Minute), Count: r.Count, Current: r.Current, Maximum: r.Maximum,
		})
	}
	return res, nil
}

// ListNotices returns what owners and admins were told.
func (s *Limits) ListNotices(ctx context.Context, _ *limitv1.ListNoticesRequest) (*limitv1.ListNoticesResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	list, err := s.Limits.Notices(ctx, p.Tenant)
	if err != nil {
		return nil, err
	}
	res := &limitv1.ListNoticesResponse{}
	for _, n := range list {
		res.Notices = append(res.Notices, &limitv1.Notice{
			Limit: n.Limit, Percent: int32(n.Percent), Used: n.Used, Maximum: n.Maximum, CreatedAt: timestamppb.New(n.CreatedAt), //nolint:gosec // 80 or 100
		})
	}
	return res, nil
}

// ListTenant returns any tenant's limits to an operator of the installation.
func (s *Limits) ListTenant(ctx context.Context, req *limitv1.ListTenantRequest) (*limitv1.ListTenantResponse, error) {
	id, err := tenancy.ParseID(req.GetTenantId())
	if err != nil {
		return nil, err
	}
	list, plan, err := s.Limits.List(ctx, id)
	if err != nil {
		return nil, err
	}
	return &limitv1.ListTenantResponse{Limits: limitsOf(list), Plan: plan}, nil
}

// SetOverride replaces one limit of one tenant.
func (s *Limits) SetOverride(ctx context.Context, req *limitv1.SetOverrideRequest) (*limitv1.SetOverrideResponse, error) {
	p, err := person(ctx)
	if err != nil {
		return nil, err
	}
	id, err := tenancy.ParseID(req.GetTenantId())
	if err != nil {
		return nil, err
	}
	expires, err := timeFromProto("expires_at", req.GetExpiresAt())
	if err != nil {
		return nil, err
	}
	l, err := s.Limits.SetOverride(ctx, p, id, tenant.Override{Limit: req.GetLimit(), Maximum: req.GetMaximum(), ExpiresAt: expires, Reason: req.GetReason()})
	if err != nil {
		return nil, err
	}
	return &limitv1.SetOverrideResponse{Limit: limitToProto(l)}, nil
}

// RemoveOverride gives the tenant its plan's limit again.
func (s *Limits) RemoveOverride(ctx context.Context, req *limitv1.RemoveOverrideRequest) (*limitv1.RemoveOverrideResponse, error) {
	p, err := person(ctx)
	if err != nil {
		return nil, err
	}
	id, err := tenancy.ParseID(req.GetTenantId())
	if err != nil {
		return nil, err
	}
	l, err := s.Limits.RemoveOverride(ctx, p, id, req.GetLimit())
	if err != nil {
		return nil, err
	}
	return &limitv1.RemoveOverrideResponse{Limit: limitToProto(l)}, nil
}

func limitsOf(list []limit.Limit) []*limitv1.Limit {
	out := make([]*limitv1.Limit, 0, len(list))
	for _, l := range list {
		out = append(out, limitToProto(l))
	}
	return out
}

var limitKinds = map[tenancy.LimitKind]limitv1.LimitKind{
	tenancy.KindRate: limitv1.LimitKind_LIMIT_KIND_RATE, tenancy.KindCount: limitv1.LimitKind_LIMIT_KIND_COUNT,
	tenancy.KindSize: limitv1.LimitKind_LIMIT_KIND_SIZE, tenancy.KindConcurrency: limitv1.LimitKind_LIMIT_KIND_CONCURRENCY,
}

func limitToProto(l limit.Limit) *limitv1.Limit {
	m := &limitv1.Limit{
		Name: l.Name, Title: l.Title, Unit: l.Unit, Scope: l.Scope, Kind: limitKinds[l.Kind], Trips: l.Trips, EnforcedBy: l.Where,
		Maximum: l.Maximum, Unlimited: l.Unlimited(), PlanMaximum: l.PlanMaximum, Refused: l.Refused,
	}
	if l.Counted {
		m.Used = &l.Used
	}
	if o := l.Override; o != nil {
		m.Override = &limitv1.Override{Maximum: o.Maximum, Reason: o.Reason, SetBy: o.SetBy, SetAt: timestamppb.New(o.SetAt)}
		if !o.ExpiresAt.IsZero() {
			m.Override.ExpiresAt = timestamppb.New(o.ExpiresAt)
		}
	}
	return m
}
