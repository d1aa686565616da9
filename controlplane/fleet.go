package controlplane

import (
	"net/http"

	"github.com/millwright-io/millwright/controlplane/internal/bulk"
	"github.com/millwright-io/millwright/controlplane/internal/device"
	"github.com/millwright-io/millwright/controlplane/internal/group"
	"github.com/millwright-io/millwright/controlplane/internal/rpc"
	"github.com/millwright-io/millwright/proto/gen/millwright/device/v1/devicev1connect"
	"github.com/millwright-io/millwright/proto/gen/millwright/group/v1/groupv1connect"
	"github.com/millwright-io/millwright/proto/gen/millwright/job/v1/jobv1connect"
	"github.com/millwright-io/millwright/tenancy"
	chain "github.com/millwright-io/millwright/tenancy/rpc"
)

// fleet are the services about many devices at once: jobs, groups, gateways.
func (a *App) fleet(c *chain.Chain, devices *device.Service) []chain.Service {
	jobPath, jobHandler := jobv1connect.NewJobServiceHandler(&rpc.Jobs{Jobs: a.jobs}, c.Options()...)
	groups := group.NewService(a.store, a.queries, a.now)
	groupPath, groupHandler := groupv1connect.NewGroupServiceHandler(&rpc.Groups{Groups: groups}, c.Options()...)
	gatewayPath, gatewayHandler := devicev1connect.NewGatewayServiceHandler(&rpc.Gateways{Devices: devices}, c.Options()...)
	bulkPath, bulkHandler := devicev1connect.NewBulkServiceHandler(&rpc.Bulk{Bulk: bulk.NewService(a.store, a.queries, a.jobs, c)}, c.Options()...)
	return []chain.Service{
		{Path: bulkPath, Handler: bulkHandler},
		{Path: jobPath, Handler: jobHandler},
		{Path: groupPath, Handler: groupHandler},
		{Path: gatewayPath, Handler: gatewayHandler},
	}
}

// mountJobs serves what jobs leave as files.
func (a *App) mountJobs(mux *http.ServeMux, guard *http.CrossOriginProtection, c *chain.Chain) {
	mux.Handle("GET /api/v1/jobs/{job_id}/errors.csv", c.HTTP("export job errors", tenancy.ActionJobsRead, rpc.JobErrors(a.jobs, a.log)))
	credentials := c.HTTP("take job credentials", tenancy.ActionCertificatesWrite, rpc.JobCredentials(a.jobs, a.keys.RootPEM(), a.log))
	mux.Handle("POST /api/v1/jobs/{job_id}/credentials", guard.Handler(credentials))
}
