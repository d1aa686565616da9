package rpc

import (
	"cmp"
	"context"
	"slices"

	"github.com/millwright-io/millwright/controlplane/internal/cell"
	cellv1 "github.com/millwright-io/millwright/proto/gen/millwright/cell/v1"
)

// Cells implements CellServiceHandler.
type Cells struct{ Cells []cell.Cell }

// List returns every cell.
func (s *Cells) List(context.Context, *cellv1.ListRequest) (*cellv1.ListResponse, error) {
	res := &cellv1.ListResponse{}
	for _, c := range slices.SortedFunc(slices.Values(s.Cells), func(a, b cell.Cell) int { return cmp.Compare(a.Name, b.Name) }) {
		res.Cells = append(res.Cells, cellToProto(c))
	}
	return res, nil
}

// ListRegions returns the regions that have a cell.
func (s *Cells) ListRegions(context.Context, *cellv1.ListRegionsRequest) (*cellv1.ListRegionsResponse, error) {
	res := &cellv1.ListRegionsResponse{}
	var names []string
	for _, c := range s.Cells {
		names = append(names, c.Region)
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		res.Regions = append(res.Regions, &cellv1.Region{Region: name})
	}
	return res, nil
}

func cellToProto(c cell.Cell) *cellv1.Cell {
	return &cellv1.Cell{
		Name: c.Name, Region: c.Region, Url: c.URL, IngestUrl: c.IngestURL, MqttAddress: c.MQTTAddress, MqttWebsocketUrl: c.MQTTWebSocketURL,
	}
}
