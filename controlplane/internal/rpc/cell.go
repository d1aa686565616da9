package rpc

import (
	"context"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/millwright-io/millwright/controlplane/internal/cell"
	cellv1 "github.com/millwright-io/millwright/proto/gen/millwright/cell/v1"
	"github.com/millwright-io/millwright/tenancy"
)

// Cells implements CellServiceHandler.
type Cells struct {
	Cells *cell.Service
	// Signer signs tokens with which operators ask a cell itself.
	Signer OperatorSigner
}

// OperatorSigner signs an operator's tokens for a cell.
type OperatorSigner interface {
	SignOperator(ctx context.Context, p tenancy.Principal, cell string) (string, time.Time, error)
}

// List returns every cell.
func (s *Cells) List(ctx context.Context, _ *cellv1.ListRequest) (*cellv1.ListResponse, error) {
	list, err := s.Cells.List(ctx)
	if err != nil {
		return nil, err
	}
	res := &cellv1.ListResponse{}
	for _, c := range list {
		res.Cells = append(res.Cells, cellToProto(c, s.Cells.Now()))
	}
	return res, nil
}

// Get returns one cell.
func (s *Cells) Get(ctx context.Context, req *cellv1.GetRequest) (*cellv1.GetResponse, error) {
	c, err := s.Cells.Get(ctx, req.GetCell())
	if err != nil {
		return nil, err
	}
	return &cellv1.GetResponse{Cell: cellToProto(c, s.Cells.Now())}, nil
}

// Drain closes a cell for new tenants.
func (s *Cells) Drain(ctx context.Context, req *cellv1.DrainRequest) (*cellv1.DrainResponse, error) {
	p, err := person(ctx)
	if err != nil {
		return nil, err
	}
	c, err := s.Cells.Drain(ctx, p, req.GetCell())
	if err != nil {
		return nil, err
	}
	return &cellv1.DrainResponse{Cell: cellToProto(c, s.Cells.Now())}, nil
}

// Undrain opens a cell again.
func (s *Cells) Undrain(ctx context.Context, req *cellv1.UndrainRequest) (*cellv1.UndrainResponse, error) {
	p, err := person(ctx)
	if err != nil {
		return nil, err
	}
	c, err := s.Cells.Undrain(ctx, p, req.GetCell())
	if err != nil {
		return nil, err
	}
	return &cellv1.UndrainResponse{Cell: cellToProto(c, s.Cells.Now())}, nil
}

// Enter returns a token for a cell.
func (s *Cells) Enter(ctx context.Context, req *cellv1.EnterRequest) (*cellv1.EnterResponse, error) {
	p, err := person(ctx)
	if err != nil {
		return nil, err
	}
	c, err := s.Cells.Get(ctx, req.GetCell())
	if err != nil {
		return nil, err
	}
	text, end, err := s.Signer.SignOperator(ctx, p, c.Name)
	if err != nil {
		return nil, err
	}
	return &cellv1.EnterResponse{Token: text, ExpiresAt: timestamppb.New(end), Url: c.URL}, nil
}

// ListRegions returns where a tenant may live.
func (s *Cells) ListRegions(ctx context.Context, _ *cellv1.ListRegionsRequest) (*cellv1.ListRegionsResponse, error) {
	list, err := s.Cells.Regions(ctx)
	if err != nil {
		return nil, err
	}
	res := &cellv1.ListRegionsResponse{}
	for _, r := range list {
		m := &cellv1.Region{Region: r.Name, Open: r.Closed == nil}
		if r.Closed != nil {
			m.Reason = r.Closed.Error()
		}
		res.Regions = append(res.Regions, m)
	}
	return res, nil
}

var (
	cellStates = map[cell.State]cellv1.CellState{
		cell.StateActive: cellv1.CellState_CELL_STATE_ACTIVE, cell.StateDraining: cellv1.CellState_CELL_STATE_DRAINING,
	}
	cellHealths = map[cell.Health]cellv1.CellHealth{
		cell.HealthLive: cellv1.CellHealth_CELL_HEALTH_LIVE, cell.HealthStale: cellv1.CellHealth_CELL_HEALTH_STALE,
		cell.HealthSilent: cellv1.CellHealth_CELL_HEALTH_SILENT,
	}
)

// cellToProto narrows: the figures came off the wire in the same types.
func cellToProto(c cell.Cell, now time.Time) *cellv1.Cell {
	m := &cellv1.Cell{
		Name: c.Name, Region: c.Region, Url: c.URL, IngestUrl: c.IngestURL, MqttAddress: c.MQTTAddress, MqttWebsocketUrl: c.MQTTWebSocketURL,
		NatsUrl: c.NATSURL, State: cellStates[c.State], Health: cellHealths[c.Health(now)], Version: c.Version, PlacedTenants: int32(c.Placed), Configured: c.Configured,
		Load: &cellv1.Load{
			EventsPerSecond: c.Rate, MaxEventsPerSecond: int32(c.EventsPerSecond), Databases: int32(c.Heartbeat.Databases),
			MaxDatabases: int32(c.Capacity.Databases), Devices: int32(c.Devices), DiskFreeBytes: uint64(c.DiskFreeBytes), DiskBytes: uint64(c.DiskBytes),
			LogBytes: uint64(c.LogBytes), MaxLogBytes: uint64(c.MaxLogBytes), LagSeconds: c.Lag.Seconds(), Headroom: c.Headroom(),
		},
	}
	if !c.HeardAt.IsZero() {
		m.HeardAt = timestamppb.New(c.HeardAt)
	}
	return m
}
