package rpc

import (
	"context"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/millwright-io/millwright/controlplane/internal/role"
	"github.com/millwright-io/millwright/controlplane/internal/tenant"
	tenantv1 "github.com/millwright-io/millwright/proto/gen/millwright/tenant/v1"
	"github.com/millwright-io/millwright/tenancy"
)

// Cell says where a cell listens.
type Cell struct {
	Region, URL, IngestURL, MQTTAddress, MQTTWebSocketURL, NATSURL string
}

// Signer makes cell tokens.
type Signer interface {
	Sign(ctx context.Context, p tenancy.Principal, cell string) (string, time.Time, error)
}

// Tenants implements TenantServiceHandler.
type Tenants struct {
	Tenants *tenant.Service
	Rights  *role.Service
	Signer  Signer
	Cells   map[string]Cell
}

// Create founds a tenant.
func (s *Tenants) Create(ctx context.Context, req *tenantv1.CreateRequest) (*tenantv1.CreateResponse, error) {
	p, err := person(ctx)
	if err != nil {
		return nil, err
	}
	t, err := s.Tenants.Create(ctx, p, tenant.Request{Name: req.GetName(), Slug: req.GetSlug(), Region: req.GetRegion(), Plan: req.GetPlan()})
	if err != nil {
		return nil, err
	}
	return &tenantv1.CreateResponse{Tenant: s.tenantToProto(t)}, nil
}

// List returns the person's tenants.
func (s *Tenants) List(ctx context.Context, _ *tenantv1.ListRequest) (*tenantv1.ListResponse, error) {
	p, err := person(ctx)
	if err != nil {
		return nil, err
	}
	list, err := s.Tenants.List(ctx, p)
	if err != nil {
		return nil, err
	}
	res := &tenantv1.ListResponse{Email: p.Actor, Verified: p.Verified, Operator: p.Operator, SecondFactor: p.SecondFactor}
	for _, m := range list {
		wire, err := s.membershipToProto(ctx, p, m)
		if err != nil {
			return nil, err
		}
		res.Memberships = append(res.Memberships, wire)
	}
	return res, nil
}

// Switch makes the session act for another tenant.
func (s *Tenants) Switch(ctx context.Context, req *tenantv1.SwitchRequest) (*tenantv1.SwitchResponse, error) {
	p, err := person(ctx)
	if err != nil {
		return nil, err
	}
	id, err := tenancy.ParseID(req.GetTenantId())
	if err != nil {
		return nil, err
	}
	m, err := s.Tenants.Switch(ctx, p, id)
	if err != nil {
		return nil, err
	}
	wire, err := s.membershipToProto(ctx, p, m)
	if err != nil {
		return nil, err
	}
	return &tenantv1.SwitchResponse{Membership: wire}, nil
}

// Get returns the caller's tenant.
func (s *Tenants) Get(ctx context.Context, _ *tenantv1.GetRequest) (*tenantv1.GetResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	t, err := s.Tenants.Get(ctx, p.Tenant)
	if err != nil {
		return nil, err
	}
	rights, err := s.Rights.Rights(ctx, p)
	if err != nil {
		return nil, err
	}
	res := &tenantv1.GetResponse{Tenant: s.tenantToProto(t), Actions: words(rights), Facilities: p.Facilities}
	res.Role, res.CustomRole = roleToProto(p.Role)
	return res, nil
}

// RequireSecondFactor says whether people must sign in with a second factor to act for the tenant.
func (s *Tenants) RequireSecondFactor(ctx context.Context, req *tenantv1.RequireSecondFactorRequest) (*tenantv1.RequireSecondFactorResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	t, err := s.Tenants.RequireSecondFactor(ctx, p, req.GetRequired())
	if err != nil {
		return nil, err
	}
	return &tenantv1.RequireSecondFactorResponse{Tenant: s.tenantToProto(t)}, nil
}

// IssueCellToken returns a token of the caller's own rights for the tenant's cell.
func (s *Tenants) IssueCellToken(ctx context.Context, _ *tenantv1.IssueCellTokenRequest) (*tenantv1.IssueCellTokenResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	t, err := s.Tenants.Get(ctx, p.Tenant)
	if err != nil {
		return nil, err
	}
	text, end, err := s.Signer.Sign(ctx, p, t.Cell)
	if err != nil {
		return nil, err
	}
	return &tenantv1.IssueCellTokenResponse{Token: text, ExpiresAt: timestamppb.New(end), CellUrl: s.Cells[t.Cell].URL}, nil
}

func (s *Tenants) tenantToProto(t tenant.Tenant) *tenantv1.Tenant {
	cell := s.Cells[t.Cell]
	out := &tenantv1.Tenant{
		TenantId: string(t.ID), Name: t.Name, Slug: t.Slug, Status: statuses[t.Status], Plan: t.Plan, Limits: limitsToProto(t.Limits),
		Cell: t.Cell, CellUrl: cell.URL, IngestUrl: cell.IngestURL, MqttAddress: cell.MQTTAddress,
		MqttWebsocketUrl: cell.MQTTWebSocketURL, CreatedAt: timestamppb.New(t.CreatedAt), Region: cell.Region, Settings: settingsToProto(t.Settings),
		SecondFactorRequired: t.SecondFactorRequired, NatsUrl: cell.NATSURL,
	}
	for _, step := range t.Steps {
		out.Steps = append(out.Steps, stepToProto(step))
	}
	if !t.Suspension.At.IsZero() {
		out.Suspension = &tenantv1.Suspension{Reason: t.Suspension.Reason, SuspendedAt: timestamppb.New(t.Suspension.At)}
	}
	if d := t.Deletion; !d.DueAt.IsZero() {
		out.Deletion = &tenantv1.Deletion{RequestedBy: d.By, RequestedAt: timestamppb.New(d.RequestedAt), DueAt: timestamppb.New(d.DueAt)}
	}
	return out
}

// membershipToProto tells with a membership what its holder may do.
func (s *Tenants) membershipToProto(ctx context.Context, p tenancy.Principal, m tenant.Membership) (*tenantv1.Membership, error) {
	rights, err := s.Rights.Rights(ctx, tenancy.Principal{Tenant: m.Tenant.ID, Role: m.Role, Facilities: m.Facilities})
	if err != nil {
		return nil, err
	}
	wire := &tenantv1.Membership{
		Tenant: s.tenantToProto(m.Tenant), Current: m.Current, Actions: words(rights), Facilities: m.Facilities,
		SecondFactorMissing: m.Tenant.SecondFactorRequired && !p.SecondFactor,
	}
	wire.Role, wire.CustomRole = roleToProto(m.Role)
	return wire, nil
}

// limitsToProto narrows: tenant.Limits.With keeps every limit in the wire's range.
func limitsToProto(l tenant.Limits) *tenantv1.Limits {
	return &tenantv1.Limits{
		Devices: int32(l.Devices), EventsPerSecond: int32(l.EventsPerSecond), EventsBurst: int32(l.EventsBurst),
		EventsPerDay: l.EventsPerDay, PayloadBytes: int32(l.PayloadBytes), MeasurementsPerDevice: int32(l.MeasurementsPerDevice),
		Keys: int32(l.Keys), Members: int32(l.Members),
	}
}

var statuses = map[tenant.Status]tenantv1.TenantStatus{
	tenant.StatusProvisioning: tenantv1.TenantStatus_TENANT_STATUS_PROVISIONING,
	tenant.StatusActive:       tenantv1.TenantStatus_TENANT_STATUS_ACTIVE,
	tenant.StatusSuspended:    tenantv1.TenantStatus_TENANT_STATUS_SUSPENDED,
	tenant.StatusDeleting:     tenantv1.TenantStatus_TENANT_STATUS_DELETING,
}
