package rpc

import (
	"context"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/millwright-io/millwright/controlplane/internal/audit"
	"github.com/millwright-io/millwright/controlplane/internal/platform"
	"github.com/millwright-io/millwright/controlplane/internal/tokenkey"
	platformv1 "github.com/millwright-io/millwright/proto/gen/millwright/platform/v1"
	"github.com/millwright-io/millwright/tenancy"
)

// Platform implements PlatformServiceHandler.
type Platform struct {
	Platform  *platform.Service
	TokenKeys *tokenkey.Service
}

// defaultTenants is the size of a page of tenants.
const defaultTenants = 50

// ListTenants returns a page of all tenants.
func (s *Platform) ListTenants(ctx context.Context, req *platformv1.ListTenantsRequest) (*platformv1.ListTenantsResponse, error) {
	page := platform.Page{Query: req.GetQuery(), After: req.GetPageToken(), Size: int(req.GetPageSize())}
	if page.Size == 0 {
		page.Size = defaultTenants
	}
	list, total, err := s.Platform.Tenants(ctx, page)
	if err != nil {
		return nil, err
	}
	res := &platformv1.ListTenantsResponse{Total: int32(total)} //nolint:gosec // a count
	for _, t := range list {
		res.Tenants = append(res.Tenants, &platformv1.Tenant{
			TenantId: string(t.ID), Name: t.Name, Slug: t.Slug, Plan: t.Plan, Status: statuses[t.Status], Cell: t.Cell, CreatedAt: timestamppb.New(t.CreatedAt),
		})
	}
	if len(list) == page.Size {
		res.NextPageToken = list[len(list)-1].Slug
	}
	return res, nil
}

// ListFlags returns every flag.
func (s *Platform) ListFlags(ctx context.Context, _ *platformv1.ListFlagsRequest) (*platformv1.ListFlagsResponse, error) {
	list, err := s.Platform.Flags(ctx)
	if err != nil {
		return nil, err
	}
	res := &platformv1.ListFlagsResponse{}
	for _, f := range list {
		res.Flags = append(res.Flags, flagToProto(f))
	}
	return res, nil
}

// SetFlag makes a flag or replaces it.
func (s *Platform) SetFlag(ctx context.Context, req *platformv1.SetFlagRequest) (*platformv1.SetFlagResponse, error) {
	p, err := person(ctx)
	if err != nil {
		return nil, err
	}
	f := platform.Flag{Name: req.GetFlag(), Description: req.GetDescription(), Percent: int(req.GetPercent())}
	for _, text := range req.GetTenantIds() {
		id, err := tenancy.ParseID(text)
		if err != nil {
			return nil, err
		}
		f.Tenants = append(f.Tenants, id)
	}
	if f, err = s.Platform.SetFlag(ctx, p, f); err != nil {
		return nil, err
	}
	return &platformv1.SetFlagResponse{Flag: flagToProto(f)}, nil
}

// RemoveFlag forgets a flag.
func (s *Platform) RemoveFlag(ctx context.Context, req *platformv1.RemoveFlagRequest) (*platformv1.RemoveFlagResponse, error) {
	p, err := person(ctx)
	if err != nil {
		return nil, err
	}
	return &platformv1.RemoveFlagResponse{}, s.Platform.RemoveFlag(ctx, p, req.GetFlag())
}

// ListAnnouncements returns those of the moment.
func (s *Platform) ListAnnouncements(ctx context.Context, _ *platformv1.ListAnnouncementsRequest) (*platformv1.ListAnnouncementsResponse, error) {
	list, err := s.Platform.Announcements(ctx)
	if err != nil {
		return nil, err
	}
	return &platformv1.ListAnnouncementsResponse{Announcements: announcementsToProto(list)}, nil
}

// Announce shows a text to everybody.
func (s *Platform) Announce(ctx context.Context, req *platformv1.AnnounceRequest) (*platformv1.AnnounceResponse, error) {
	p, err := person(ctx)
	if err != nil {
		return nil, err
	}
	a := platform.Announcement{Text: req.GetText(), Severity: platform.SeverityInfo}
	if req.GetSeverity() == platformv1.Severity_SEVERITY_WARNING {
		a.Severity = platform.SeverityWarning
	}
	if req.GetEndsAt() != nil {
		a.EndsAt = req.GetEndsAt().AsTime()
	}
	if a, err = s.Platform.Announce(ctx, p, a); err != nil {
		return nil, err
	}
	return &platformv1.AnnounceResponse{Announcement: announcementsToProto([]platform.Announcement{a})[0]}, nil
}

// Withdraw takes an announcement back.
func (s *Platform) Withdraw(ctx context.Context, req *platformv1.WithdrawRequest) (*platformv1.WithdrawResponse, error) {
	p, err := person(ctx)
	if err != nil {
		return nil, err
	}
	return &platformv1.WithdrawResponse{}, s.Platform.Withdraw(ctx, p, req.GetAnnouncementId())
}

// ListAudit returns a page of the platform's audit log; the page token is the number of the last entry shown.
func (s *Platform) ListAudit(ctx context.Context, req *platformv1.ListAuditRequest) (*platformv1.ListAuditResponse, error) {
	list, next, err := auditPage(req, func(f audit.Filter, before int64, size int) ([]audit.Entry, error) {
		return s.Platform.Audit(ctx, f, before, size)
	})
	return &platformv1.ListAuditResponse{Entries: list, NextPageToken: next}, err
}

// GetNotices returns what concerns the caller.
func (s *Platform) GetNotices(ctx context.Context, _ *platformv1.GetNoticesRequest) (*platformv1.GetNoticesResponse, error) {
	p, err := person(ctx)
	if err != nil {
		return nil, err
	}
	list, flags, err := s.Platform.Notices(ctx, p.Tenant)
	if err != nil {
		return nil, err
	}
	for i := range list {
		list[i].CreatedBy = "" // an operator's address is not everybody's business
	}
	return &platformv1.GetNoticesResponse{Announcements: announcementsToProto(list), Flags: flags}, nil
}

func flagToProto(f platform.Flag) *platformv1.Flag {
	m := &platformv1.Flag{
		Flag: f.Name, Description: f.Description, Percent: int32(f.Percent), UpdatedAt: timestamppb.New(f.UpdatedAt), UpdatedBy: f.UpdatedBy, //nolint:gosec // 0 to 100
	}
	for _, id := range f.Tenants {
		m.TenantIds = append(m.TenantIds, string(id))
	}
	return m
}

func announcementsToProto(list []platform.Announcement) []*platformv1.Announcement {
	out := make([]*platformv1.Announcement, 0, len(list))
	for _, a := range list {
		m := &platformv1.Announcement{
			AnnouncementId: a.ID, Text: a.Text, Severity: platformv1.Severity_SEVERITY_INFO, CreatedAt: timestamppb.New(a.CreatedAt), CreatedBy: a.CreatedBy,
		}
		if a.Severity == platform.SeverityWarning {
			m.Severity = platformv1.Severity_SEVERITY_WARNING
		}
		if !a.EndsAt.IsZero() {
			m.EndsAt = timestamppb.New(a.EndsAt)
		}
		out = append(out, m)
	}
	return out
}
