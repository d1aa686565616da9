package rpc

import (
	"context"
	"errors"

	"github.com/millwright-io/millwright/controlplane/internal/facility"
	facilityv1 "github.com/millwright-io/millwright/proto/gen/millwright/facility/v1"
)

// Facilities implements FacilityServiceHandler.
type Facilities struct{ Places *facility.Service }

// Create makes a place.
func (s *Facilities) Create(ctx context.Context, req *facilityv1.CreateRequest) (*facilityv1.CreateResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	place, err := s.Places.Create(ctx, p, facility.Place{
		Parent: req.GetParentId(), Name: req.GetName(), Coordinates: coordinatesFromProto(req.GetCoordinates()),
	})
	if err != nil {
		return nil, err
	}
	return &facilityv1.CreateResponse{Place: placeToProto(place)}, nil
}

// List returns the places that the caller sees.
func (s *Facilities) List(ctx context.Context, _ *facilityv1.ListRequest) (*facilityv1.ListResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	list, err := s.Places.List(ctx, p)
	if err != nil {
		return nil, err
	}
	res := &facilityv1.ListResponse{}
	for _, place := range list {
		res.Places = append(res.Places, placeToProto(place))
	}
	return res, nil
}

// Update renames a place or gives it other coordinates.
func (s *Facilities) Update(ctx context.Context, req *facilityv1.UpdateRequest) (*facilityv1.UpdateResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	place, err := s.Places.Update(ctx, p, facility.Place{
		ID: req.GetPlaceId(), Version: req.GetVersion(), Name: req.GetName(), Coordinates: coordinatesFromProto(req.GetCoordinates()),
	})
	if stale := (*facility.StaleError)(nil); errors.As(err, &stale) {
		return nil, aborted(stale, &facilityv1.Conflict{Current: placeToProto(stale.Current), Yours: placeToProto(stale.Yours)})
	}
	if err != nil {
		return nil, err
	}
	return &facilityv1.UpdateResponse{Place: placeToProto(place)}, nil
}

// Move puts a place into another parent.
func (s *Facilities) Move(ctx context.Context, req *facilityv1.MoveRequest) (*facilityv1.MoveResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	place, err := s.Places.Move(ctx, p, req.GetPlaceId(), req.GetParentId())
	if err != nil {
		return nil, err
	}
	return &facilityv1.MoveResponse{Place: placeToProto(place)}, nil
}

// Delete removes an empty place.
func (s *Facilities) Delete(ctx context.Context, req *facilityv1.DeleteRequest) (*facilityv1.DeleteResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	return &facilityv1.DeleteResponse{}, s.Places.Delete(ctx, p, req.GetPlaceId())
}

func coordinatesFromProto(c *facilityv1.Coordinates) *facility.Coordinates {
	if c == nil {
		return nil
	}
	return &facility.Coordinates{Latitude: c.GetLatitude(), Longitude: c.GetLongitude()}
}

var placeKinds = map[facility.Kind]facilityv1.PlaceKind{
	facility.KindFacility: facilityv1.PlaceKind_PLACE_KIND_FACILITY, facility.KindLine: facilityv1.PlaceKind_PLACE_KIND_LINE,
	facility.KindStation: facilityv1.PlaceKind_PLACE_KIND_STATION,
}

func placeToProto(p facility.Place) *facilityv1.Place {
	m := &facilityv1.Place{
		PlaceId: p.ID, Kind: placeKinds[p.Kind], ParentId: p.Parent, Name: p.Name, Version: p.Version,
		Devices: int32(p.Devices), //nolint:gosec // a tenant's limit of devices fits
	}
	if c := p.Coordinates; c != nil {
		m.Coordinates = &facilityv1.Coordinates{Latitude: c.Latitude, Longitude: c.Longitude}
	}
	return m
}
