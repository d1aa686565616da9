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
	return r.send(ctx, tenant, &catalogv1.CellReport{ProvisionedTenantId: string(tenant)})
}

// Failed says that the tenant's storage could not be prepared or removed at this attempt.
func (r *Reports) Failed(ctx context.Context, tenant tenancy.ID, failure string) error {
	return r.send(ctx, tenant, &catalogv1.CellReport{Storage: &catalogv1.StorageReport{TenantId: string(tenant), Failure: failure}})
}

// Removed says that the tenant's storage is gone, and how much it was.
func (r *Reports) Removed(ctx context.Context, tenant tenancy.ID, tables, rows, bytes int64) error {
	return r.send(ctx, tenant, &catalogv1.CellReport{Storage: &catalogv1.StorageReport{
		TenantId: string(tenant), Removed: true, Tables: tables, Rows: rows, Bytes: bytes,
	}})
}

func (r *Reports) send(ctx context.Context, tenant tenancy.ID, report *catalogv1.CellReport) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	data, err := proto.Marshal(report)
	if err != nil {
		return fmt.Errorf("encode report: %w", err)
	}
	if _, err := r.js.Publish(ctx, subject.Report(r.cell), data); err != nil {
		return fmt.Errorf("report on the storage of tenant %s: %w", tenant, err)
	}
	return nil
}

// Seen says that a device proved a certificate of a tenant's own CA that the catalog does not have.
func (r *Reports) Seen(ctx context.Context, tenant tenancy.ID, authority string, der []byte) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	data, err := proto.Marshal(&catalogv1.CellReport{SeenCertificate: &catalogv1.SeenCertificate{
		TenantId: string(tenant), AuthorityId: authority, Certificate: der,
	}})
	if err != nil {
		return fmt.Errorf("encode report: %w", err)
	}
	if _, err := r.js.Publish(ctx, subject.Report(r.cell), data); err != nil {
		return fmt.Errorf("report a certificate of tenant %s: %w", tenant, err)
	}
	return nil
}
