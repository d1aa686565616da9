package rpc

import (
	"context"
	"errors"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/millwright-io/millwright/controlplane/internal/group"
	groupv1 "github.com/millwright-io/millwright/proto/gen/millwright/group/v1"
)

// Groups implements GroupServiceHandler.
type Groups struct{ Groups *group.Service }

// Create makes a group.
func (s *Groups) Create(ctx context.Context, req *groupv1.CreateRequest) (*groupv1.CreateResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	g, err := s.Groups.Create(ctx, p, group.Group{
		ID: req.GetGroupId(), Name: req.GetName(), Query: req.GetQuery(), Policy: policyFromProto(req.GetPolicy()),
	})
	if err != nil {
		return nil, err
	}
	return &groupv1.CreateResponse{Group: groupToProto(g)}, nil
}

// Get returns a group.
func (s *Groups) Get(ctx context.Context, req *groupv1.GetRequest) (*groupv1.GetResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	g, err := s.Groups.Get(ctx, p, req.GetGroupId())
	if err != nil {
		return nil, err
	}
	return &groupv1.GetResponse{Group: groupToProto(g)}, nil
}

// List returns every group, or those of a device.
func (s *Groups) List(ctx context.Context, req *groupv1.ListRequest) (*groupv1.ListResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	list, err := s.Groups.List(ctx, p, req.GetDeviceId())
	if err != nil {
		return nil, err
	}
	res := &groupv1.ListResponse{}
	for _, g := range list {
		res.Groups = append(res.Groups, groupToProto(g))
	}
	return res, nil
}

// Update replaces a group's name, query and policy.
func (s *Groups) Update(ctx context.Context, req *groupv1.UpdateRequest) (*groupv1.UpdateResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	g, err := s.Groups.Update(ctx, p, group.Group{
		ID: req.GetGroupId(), Name: req.GetName(), Query: req.GetQuery(), Policy: policyFromProto(req.GetPolicy()), Version: req.GetVersion(),
	})
	if stale := (*group.StaleError)(nil); errors.As(err, &stale) {
		return nil, aborted(stale, &groupv1.Conflict{Current: groupToProto(stale.Current), Yours: groupToProto(stale.Yours)})
	}
	if err != nil {
		return nil, err
	}
	return &groupv1.UpdateResponse{Group: groupToProto(g)}, nil
}

// Delete forgets a group.
func (s *Groups) Delete(ctx context.Context, req *groupv1.DeleteRequest) (*groupv1.DeleteResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.Groups.Delete(ctx, p, req.GetGroupId()); err != nil {
		return nil, err
	}
	return &groupv1.DeleteResponse{}, nil
}

// AddMembers adds devices.
func (s *Groups) AddMembers(ctx context.Context, req *groupv1.AddMembersRequest) (*groupv1.AddMembersResponse, error) {
	g, err := s.changeMembers(ctx, req.GetGroupId(), req.GetDeviceIds(), nil)
	return &groupv1.AddMembersResponse{Group: g}, err
}

// RemoveMembers takes devices out.
func (s *Groups) RemoveMembers(ctx context.Context, req *groupv1.RemoveMembersRequest) (*groupv1.RemoveMembersResponse, error) {
	g, err := s.changeMembers(ctx, req.GetGroupId(), nil, req.GetDeviceIds())
	return &groupv1.RemoveMembersResponse{Group: g}, err
}

func (s *Groups) changeMembers(ctx context.Context, id string, add, remove []string) (*groupv1.Group, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	g, err := s.Groups.ChangeMembers(ctx, p, id, add, remove)
	if err != nil {
		return nil, err
	}
	return groupToProto(g), nil
}

// ListMembers returns a page of devices; the page token is the last id shown.
func (s *Groups) ListMembers(ctx context.Context, req *groupv1.ListMembersRequest) (*groupv1.ListMembersResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	size := int(req.GetPageSize())
	if size == 0 {
		size = defaultPage
	}
	list, err := s.Groups.Members(ctx, p, req.GetGroupId(), req.GetPageToken(), size+1)
	if err != nil {
		return nil, err
	}
	res := &groupv1.ListMembersResponse{DeviceIds: list}
	if len(list) > size {
		res.DeviceIds, res.NextPageToken = list[:size], list[size-1]
	}
	return res, nil
}

// Preview tells what a query finds.
func (s *Groups) Preview(ctx context.Context, req *groupv1.PreviewRequest) (*groupv1.PreviewResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	f, err := s.Groups.Preview(ctx, p, req.GetQuery())
	if err != nil {
		return nil, err
	}
	return &groupv1.PreviewResponse{DeviceIds: f.First, Matching: int32(f.Matching), Total: int32(f.Total)}, nil //nolint:gosec // a tenant's limit of devices fits
}

func policyFromProto(p *groupv1.Policy) group.Policy {
	return group.Policy{
		Topics: p.GetTopics(), PayloadBytes: p.GetPayloadBytes(), EventsPerSecond: p.GetEventsPerSecond(),
		Commands: p.GetCommands().GetNames(), CommandsLimited: p.GetCommands() != nil,
	}
}

func groupToProto(g group.Group) *groupv1.Group {
	m := &groupv1.Group{
		GroupId: g.ID, Name: g.Name, Query: g.Query, Members: int32(g.Members), Version: g.Version, //nolint:gosec // as above
		Policy: &groupv1.Policy{Topics: g.Policy.Topics, PayloadBytes: g.Policy.PayloadBytes, EventsPerSecond: g.Policy.EventsPerSecond},
	}
	if g.Policy.CommandsLimited {
		m.Policy.Commands = &groupv1.CommandRule{Names: g.Policy.Commands}
	}
	if !g.CreatedAt.IsZero() {
		m.CreatedAt, m.UpdatedAt = timestamppb.New(g.CreatedAt), timestamppb.New(g.UpdatedAt)
	}
	return m
}
