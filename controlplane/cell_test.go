package controlplane_test

import (
	"net/http"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"github.com/millwright-io/millwright/controlplane"
	catalogv1 "github.com/millwright-io/millwright/proto/gen/millwright/catalog/v1"
	cellv1 "github.com/millwright-io/millwright/proto/gen/millwright/cell/v1"
	"github.com/millwright-io/millwright/proto/gen/millwright/cell/v1/cellv1connect"
	tenantv1 "github.com/millwright-io/millwright/proto/gen/millwright/tenant/v1"
	"github.com/millwright-io/millwright/proto/subject"
)

func (s *stack) cells(a as) cellv1connect.CellServiceClient {
	return cellv1connect.NewCellServiceClient(&http.Client{Transport: a}, s.url)
}

// twoCells are eu-1, with room for one tenant, and us-1.
func twoCells(c *controlplane.Config) {
	c.Cells = []controlplane.Cell{
		{Name: "eu-1", Region: "eu-1", URL: "http://127.0.0.1:8081", MaxDatabases: 1}, {Name: "us-1", Region: "us-1", URL: "http://127.0.0.1:8181"},
	}
}

// TestACellIsHeardAndDrained follows a cell from silence over its heartbeats to being closed for new tenants.
func TestACellIsHeardAndDrained(t *testing.T) {
	t.Parallel()
	s := setup(t, twoCells)
	ops := s.cells(as{cookie: "ops"})
	get := func(name string) *cellv1.Cell {
		t.Helper()
		res, err := ops.Get(t.Context(), &cellv1.GetRequest{Cell: name})
		if err != nil {
			t.Fatal(err)
		}
		return res.GetCell()
	}
	if c := get("eu-1"); c.GetHealth() != cellv1.CellHealth_CELL_HEALTH_SILENT || c.GetState() != cellv1.CellState_CELL_STATE_ACTIVE || !c.GetConfigured() {
		t.Errorf("before its first heartbeat: %v", c)
	}
	data, err := proto.Marshal(&catalogv1.CellHeartbeat{Version: "v1", EventsPerSecond: 25_000, Tenants: 3, Databases: 4, LagSeconds: 1.5, DiskBytes: 100, DiskFreeBytes: 80})
	if err != nil {
		t.Fatal(err)
	}
	nc := s.nats.Connect(t)
	for _, bad := range []string{"eu-1", "unknown"} { // neither rubbish nor a stranger's harms
		if err := nc.Publish(subject.Heartbeat(bad), []byte("\xff")); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the cell is heard", func() bool {
		if err := nc.Publish(subject.Heartbeat("us-1"), data); err != nil {
			t.Fatal(err)
		}
		return get("us-1").GetHealth() == cellv1.CellHealth_CELL_HEALTH_LIVE
	})
	if c := get("us-1"); c.GetVersion() != "v1" || c.GetLoad().GetEventsPerSecond() != 25_000 || c.GetLoad().GetHeadroom() != 0.5 || c.GetLoad().GetLagSeconds() != 1.5 {
		t.Errorf("after a heartbeat: %v", c)
	}
	drained, err := ops.Drain(t.Context(), &cellv1.DrainRequest{Cell: "us-1"})
	if err != nil || drained.GetCell().GetState() != cellv1.CellState_CELL_STATE_DRAINING {
		t.Fatalf("%v, %v", drained, err)
	}
	// us-1 is draining and eu-1 takes one: the third has no place, and is told why.
	first, err := s.tenants(as{cookie: "ada"}).Create(t.Context(), &tenantv1.CreateRequest{Name: "Ada works"})
	if err != nil || first.GetTenant().GetCell() != "eu-1" {
		t.Fatalf("%v, %v", first, err)
	}
	_, err = s.tenants(as{cookie: "bob"}).Create(t.Context(), &tenantv1.CreateRequest{Name: "Bob works"})
	if connect.CodeOf(err) != connect.CodeResourceExhausted {
		t.Errorf("a tenant without a place: %v", err)
	}
	regions, err := s.cells(as{cookie: "bob"}).ListRegions(t.Context(), &cellv1.ListRegionsRequest{})
	if err != nil || len(regions.GetRegions()) != 2 || regions.GetRegions()[0].GetOpen() || regions.GetRegions()[1].GetOpen() || regions.GetRegions()[1].GetReason() == "" {
		t.Errorf("regions: %v, %v", regions, err)
	}
	if _, err := ops.Undrain(t.Context(), &cellv1.UndrainRequest{Cell: "us-1"}); err != nil {
		t.Fatal(err)
	}
	second, err := s.tenants(as{cookie: "bob"}).Create(t.Context(), &tenantv1.CreateRequest{Name: "Bob works"})
	if err != nil || second.GetTenant().GetCell() != "us-1" {
		t.Errorf("%v, %v", second, err)
	}
	if entry, err := ops.Enter(t.Context(), &cellv1.EnterRequest{Cell: "us-1"}); err != nil || entry.GetToken() == "" || entry.GetUrl() != "http://127.0.0.1:8181" {
		t.Errorf("an operator enters: %v, %v", entry, err)
	}
	if _, err := s.cells(as{cookie: "bob"}).Enter(t.Context(), &cellv1.EnterRequest{Cell: "us-1"}); connect.CodeOf(err) != connect.CodePermissionDenied {
		t.Errorf("somebody else enters: %v", err)
	}
	if _, err := ops.Drain(t.Context(), &cellv1.DrainRequest{Cell: "mars"}); connect.CodeOf(err) != connect.CodeNotFound {
		t.Errorf("a cell that is not there: %v", err)
	}
	// A restart keeps what was said and set.
	s.stop()
	s.start(t)
	ops = s.cells(as{cookie: "ops"})
	if c := get("us-1"); c.GetVersion() != "v1" || c.GetPlacedTenants() != 1 {
		t.Errorf("after a restart: %v", c)
	}
}
