package jetstream

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"

	catalogv1 "github.com/millwright-io/millwright/proto/gen/millwright/catalog/v1"
	"github.com/millwright-io/millwright/proto/subject"
	"github.com/millwright-io/millwright/tenancy"
)

// Reports sends what the control plane wants to know of the cell.
type Reports struct {
	js   jetstream.JetStream
	cell string
}

// NewReports returns a sender of the cell's reports.
func NewReports(js jetstream.JetStream, cell string) *Reports { return &Reports{js, cell} }

// Provisioned says that the tenant's storage exists and can take events.
func (r *Reports) Provisioned(ctx context.Context, tenant tenancy.ID) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	data, err := proto.Marshal(&catalogv1.CellReport{ProvisionedTenantId: string(tenant)})
	if err != nil {
		return fmt.Errorf("encode report: %w", err)
	}
	if _, err := r.js.Publish(ctx, subject.Report(r.cell), data); err != nil {
		return fmt.Errorf("report tenant %s as provisioned: %w", tenant, err)
	}
	return nil
}
