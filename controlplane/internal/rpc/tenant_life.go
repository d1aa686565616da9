package rpc

import (
	"context"
	"errors"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/millwright-io/millwright/controlplane/internal/tenant"
	tenantv1 "github.com/millwright-io/millwright/proto/gen/millwright/tenant/v1"
	"github.com/millwright-io/millwright/tenancy"
)

// owner returns the verified caller of a call that only a signed-in person may make for their tenant.
func owner(ctx context.Context) (tenancy.Principal, error) {
	if p, err := person(ctx); err != nil {
		return p, err
	}
	return caller(ctx)
}

// ListPlans returns the plans.
func (s *Tenants) ListPlans(context.Context, *tenantv1.ListPlansRequest) (*tenantv1.ListPlansResponse, error) {
	res := &tenantv1.ListPlansResponse{}
	for _, p := range s.Tenants.Plans() {
		res.Plans = append(res.Plans, &tenantv1.Plan{
			Plan: p.Name, Title: p.Title, Limits: limitsToProto(p.Limits),
			RetentionDays: int32(p.Kept.Events), MinuteRetentionDays: int32(p.Kept.Minutes), HourRetentionDays: int32(p.Kept.Hours),
		})
	}
	return res, nil
}

// UpdateSettings replaces the settings; a conflict carries both versions.
func (s *Tenants) UpdateSettings(ctx context.Context, req *tenantv1.UpdateSettingsRequest) (*tenantv1.UpdateSettingsResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	settings := settingsFromProto(req.GetSettings())
	settings.Version = req.GetVersion()
	updated, err := s.Tenants.UpdateSettings(ctx, p, settings)
	conflict := (*tenant.SettingsConflict)(nil)
	if errors.As(err, &conflict) {
		refusal := connect.NewError(connect.CodeFailedPrecondition, errors.New(conflict.Error()))
		detail, derr := connect.NewErrorDetail(&tenantv1.SettingsConflict{
			Yours: settingsToProto(conflict.Yours), Current: settingsToProto(conflict.Current),
		})
		if derr == nil {
			refusal.AddDetail(detail)
		}
		return nil, refusal
	}
	if err != nil {
		return nil, err
	}
	return &tenantv1.UpdateSettingsResponse{Settings: settingsToProto(updated)}, nil
}

// TransferOwnership makes another member the owner.
func (s *Tenants) TransferOwnership(ctx context.Context, req *tenantv1.TransferOwnershipRequest) (*tenantv1.TransferOwnershipResponse, error) {
	p, err := owner(ctx)
	if err != nil {
		return nil, err
	}
	m, err := s.Tenants.TransferOwnership(ctx, p, req.GetMemberId(), req.GetConfirm())
	if err != nil {
		return nil, err
	}
	wire, err := s.membershipToProto(ctx, p, m)
	if err != nil {
		return nil, err
	}
	return &tenantv1.TransferOwnershipResponse{Membership: wire}, nil
}

// Delete asks for the tenant's end.
func (s *Tenants) Delete(ctx context.Context, req *tenantv1.DeleteRequest) (*tenantv1.DeleteResponse, error) {
	p, err := owner(ctx)
	if err != nil {
		return nil, err
	}
	t, err := s.Tenants.Delete(ctx, p, req.GetConfirm())
	if err != nil {
		return nil, err
	}
	return &tenantv1.DeleteResponse{Tenant: s.tenantToProto(t)}, nil
}

// CancelDeletion takes the tenant back into service.
func (s *Tenants) CancelDeletion(ctx context.Context, _ *tenantv1.CancelDeletionRequest) (*tenantv1.CancelDeletionResponse, error) {
	p, err := owner(ctx)
	if err != nil {
		return nil, err
	}
	t, err := s.Tenants.CancelDeletion(ctx, p)
	if err != nil {
		return nil, err
	}
	return &tenantv1.CancelDeletionResponse{Tenant: s.tenantToProto(t)}, nil
}

// ListRemoved returns what became of the tenants whose deletion the person asked for.
func (s *Tenants) ListRemoved(ctx context.Context, _ *tenantv1.ListRemovedRequest) (*tenantv1.ListRemovedResponse, error) {
	p, err := person(ctx)
	if err != nil {
		return nil, err
	}
	list, err := s.Tenants.Removed(ctx, p)
	if err != nil {
		return nil, err
	}
	res := &tenantv1.ListRemovedResponse{}
	for _, r := range list {
		res.Tenants = append(res.Tenants, &tenantv1.Removed{
			TenantId: string(r.ID), Name: r.Name, RequestedBy: r.RequestedBy, RequestedAt: timestamppb.New(r.RequestedAt),
			RemovedAt: timestamppb.New(r.RemovedAt), VerifiedAt: timeToProto(r.VerifiedAt), Counts: r.Counts, AuditNdjson: r.Audit,
		})
	}
	return res, nil
}

// Suspend stops serving a tenant; the table of actions leaves it to operators.
func (s *Tenants) Suspend(ctx context.Context, req *tenantv1.SuspendRequest) (*tenantv1.SuspendResponse, error) {
	t, err := s.operate(ctx, req.GetTenantId(), func(p tenancy.Principal, id tenancy.ID) (tenant.Tenant, error) {
		return s.Tenants.Suspend(ctx, p, id, req.GetReason())
	})
	if err != nil {
		return nil, err
	}
	return &tenantv1.SuspendResponse{Tenant: s.tenantToProto(t)}, nil
}

// Resume serves a suspended tenant again.
func (s *Tenants) Resume(ctx context.Context, req *tenantv1.ResumeRequest) (*tenantv1.ResumeResponse, error) {
	t, err := s.operate(ctx, req.GetTenantId(), func(p tenancy.Principal, id tenancy.ID) (tenant.Tenant, error) {
		return s.Tenants.Resume(ctx, p, id)
	})
	if err != nil {
		return nil, err
	}
	return &tenantv1.ResumeResponse{Tenant: s.tenantToProto(t)}, nil
}

// operate has an operator change a tenant.
func (s *Tenants) operate(ctx context.Context, name string, change func(tenancy.Principal, tenancy.ID) (tenant.Tenant, error)) (tenant.Tenant, error) {
	p, err := person(ctx)
	if err != nil {
		return tenant.Tenant{}, err
	}
	id, err := tenancy.ParseID(name)
	if err != nil {
		return tenant.Tenant{}, err
	}
	return change(p, id)
}

func stepToProto(s tenant.Step) *tenantv1.Step {
	return &tenantv1.Step{
		Task: string(s.Task), Name: s.Name, Title: s.Title(), State: stepStates[s.State], Attempts: int32(s.Attempts), Detail: s.Detail,
		FinishedAt: timeToProto(s.FinishedAt),
	}
}

var stepStates = map[tenant.StepState]tenantv1.StepState{
	tenant.StepWaiting: tenantv1.StepState_STEP_STATE_WAITING, tenant.StepRunning: tenantv1.StepState_STEP_STATE_RUNNING,
	tenant.StepDone: tenantv1.StepState_STEP_STATE_DONE,
}

var units = map[tenant.Units]tenantv1.Units{
	tenant.UnitsMetric: tenantv1.Units_UNITS_METRIC, tenant.UnitsImperial: tenantv1.Units_UNITS_IMPERIAL,
}

var severities = map[tenant.Severity]tenantv1.AlertSeverity{
	tenant.SeverityInfo: tenantv1.AlertSeverity_ALERT_SEVERITY_INFO, tenant.SeverityWarning: tenantv1.AlertSeverity_ALERT_SEVERITY_WARNING,
	tenant.SeverityCritical: tenantv1.AlertSeverity_ALERT_SEVERITY_CRITICAL,
}

func settingsToProto(s tenant.Settings) *tenantv1.Settings {
	return &tenantv1.Settings{
		Name: s.Name, TimeZone: s.TimeZone, Units: units[s.Units],
		RetentionDays: int32(s.RetentionDays), MinuteRetentionDays: int32(s.MinuteRetentionDays), HourRetentionDays: int32(s.HourRetentionDays),
		AlertRecipients: s.AlertRecipients, AlertSeverity: severities[s.AlertSeverity], Version: s.Version,
	}
}

func settingsFromProto(s *tenantv1.Settings) tenant.Settings {
	out := tenant.Settings{
		Name: s.GetName(), TimeZone: s.GetTimeZone(), AlertRecipients: s.GetAlertRecipients(), RetentionDays: int(s.GetRetentionDays()),
		MinuteRetentionDays: int(s.GetMinuteRetentionDays()), HourRetentionDays: int(s.GetHourRetentionDays()),
	}
	for k, v := range units {
		if v == s.GetUnits() {
			out.Units = k
		}
	}
	for k, v := range severities {
		if v == s.GetAlertSeverity() {
			out.AlertSeverity = k
		}
	}
	return out
}
