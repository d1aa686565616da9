package jetstream

import (
	"context"
	"fmt"
	"slices"

	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	catalogv1 "github.com/millwright-io/millwright/proto/gen/millwright/catalog/v1"
	"github.com/millwright-io/millwright/proto/subject"
	"github.com/millwright-io/millwright/tenancy"
	"github.com/millwright-io/millwright/tenancy/lastuse"
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
	return r.storage(ctx, tenant, &catalogv1.CellReport{ProvisionedTenantId: string(tenant)})
}

// Failed says that the tenant's storage could not be prepared or removed at this attempt.
func (r *Reports) Failed(ctx context.Context, tenant tenancy.ID, failure string) error {
	return r.storage(ctx, tenant, &catalogv1.CellReport{Storage: &catalogv1.StorageReport{TenantId: string(tenant), Failure: failure}})
}

// Removed says that the tenant's storage is gone, and how much it was.
func (r *Reports) Removed(ctx context.Context, tenant tenancy.ID, tables, rows, bytes int64) error {
	return r.storage(ctx, tenant, &catalogv1.CellReport{Storage: &catalogv1.StorageReport{
		TenantId: string(tenant), Removed: true, Tables: tables, Rows: rows, Bytes: bytes,
	}})
}

// storage reports on a tenant's storage.
func (r *Reports) storage(ctx context.Context, tenant tenancy.ID, report *catalogv1.CellReport) error {
	if err := r.send(ctx, report); err != nil {
		return fmt.Errorf("report on the storage of tenant %s: %w", tenant, err)
	}
	return nil
}

// usesPerReport keeps a report far below what NATS takes.
const usesPerReport = 2000

// KeysUsed says when secrets of API keys were used last.
func (r *Reports) KeysUsed(ctx context.Context, uses []lastuse.Use) error {
	for part := range slices.Chunk(uses, usesPerReport) {
		report := &catalogv1.CellReport{}
		for _, u := range part {
			report.KeyUses = append(report.KeyUses, &catalogv1.KeyUse{
				TenantId: string(u.Tenant), KeyId: u.Key, Number: int32(u.Number), UsedAt: timestamppb.New(u.At), Address: u.Address, //nolint:gosec // an int32 of the catalog
			})
		}
		if err := r.send(ctx, report); err != nil {
			return fmt.Errorf("report uses of keys: %w", err)
		}
	}
	return nil
}

func (r *Reports) send(ctx context.Context, report *catalogv1.CellReport) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	data, err := proto.Marshal(report)
	if err != nil {
		return fmt.Errorf("encode report: %w", err)
	}
	_, err = r.js.Publish(ctx, subject.Report(r.cell), data)
	return err
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
