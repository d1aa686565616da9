package nats

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"

	"github.com/millwright-io/millwright/controlplane/internal/tenant"
	catalogv1 "github.com/millwright-io/millwright/proto/gen/millwright/catalog/v1"
	"github.com/millwright-io/millwright/proto/subject"
	"github.com/millwright-io/millwright/tenancy"
	"github.com/millwright-io/millwright/tenancy/lastuse"
)

// Storages notes what cells say of tenants' storage.
type Storages interface {
	StorageReported(ctx context.Context, id tenancy.ID, r tenant.StorageReport) error
}

// Registrar registers certificates of tenants' own CAs that devices have proved at a gateway. Errors other than a
// tenancy.ErrUnavailable are final.
type Registrar interface {
	Seen(ctx context.Context, id tenancy.ID, authority string, der []byte) error
}

// KeyUses note when keys were used at a cell.
type KeyUses interface {
	RecordKeyUses(ctx context.Context, plane string, uses []lastuse.Use) error
}

// Reports reads what the cells report.
type Reports struct {
	js        jetstream.JetStream
	storages  Storages
	registrar Registrar
	uses      KeyUses
	log       *slog.Logger
}

// NewReports returns a reader.
func NewReports(c *Conn, s Storages, r Registrar, u KeyUses, log *slog.Logger) *Reports {
	return &Reports{js: c.js, storages: s, registrar: r, uses: u, log: log}
}

// Run reads until ctx is done, through every absence of NATS.
func (r *Reports) Run(ctx context.Context) error {
	return consume(ctx, r.js, subject.ReportStream, r.log, r.handle)
}

func (r *Reports) handle(ctx context.Context, msg jetstream.Msg) {
	cell, _ := strings.CutPrefix(msg.Subject(), subject.Report(""))
	var report catalogv1.CellReport
	if err := proto.Unmarshal(msg.Data(), &report); err != nil {
		r.log.ErrorContext(ctx, "dropped a report that cannot be read", slog.String("cell", cell), slog.Any("error", err))
		_ = msg.TermWithReason("unreadable")
		return
	}
	if seen := report.GetSeenCertificate(); seen != nil {
		r.register(ctx, cell, seen, msg)
		return
	}
	if err := r.take(ctx, cell, &report); errors.Is(err, tenancy.ErrInvalid) {
		r.log.ErrorContext(ctx, "dropped a report that makes no sense", slog.String("cell", cell), slog.Any("error", err))
		_ = msg.TermWithReason("invalid")
	} else if err != nil {
		r.log.WarnContext(ctx, "cannot take a report", slog.String("cell", cell), slog.Any("error", err))
		_ = msg.NakWithDelay(retry)
	} else {
		_ = msg.Ack()
	}
}

// take acts on all that a report tells.
func (r *Reports) take(ctx context.Context, cell string, report *catalogv1.CellReport) error {
	storage := report.GetStorage()
	named := report.GetProvisionedTenantId()
	if storage != nil {
		named = storage.GetTenantId()
	}
	if named != "" {
		id, err := tenancy.ParseID(named)
		if err != nil {
			return err
		}
		err = r.storages.StorageReported(ctx, id, tenant.StorageReport{
			Cell: cell, Failure: storage.GetFailure(), Removed: storage.GetRemoved(),
			Tables: storage.GetTables(), Rows: storage.GetRows(), Bytes: storage.GetBytes(),
		})
		if err != nil {
			return fmt.Errorf("storage of tenant %s: %w", id, err)
		}
	}
	uses := make([]lastuse.Use, 0, len(report.GetKeyUses()))
	for _, u := range report.GetKeyUses() {
		id, err := tenancy.ParseID(u.GetTenantId())
		if err != nil {
			return err
		}
		uses = append(uses, lastuse.Use{
			Secret: lastuse.Secret{Tenant: id, Key: u.GetKeyId(), Number: int(u.GetNumber())}, At: u.GetUsedAt().AsTime(), Address: u.GetAddress(),
		})
	}
	return r.uses.RecordKeyUses(ctx, cell, uses)
}

// register takes a report of a certificate. What is refused is noted in the tenant's audit log, not tried again.
func (r *Reports) register(ctx context.Context, cell string, seen *catalogv1.SeenCertificate, msg jetstream.Msg) {
	id, err := tenancy.ParseID(seen.GetTenantId())
	if err == nil {
		err = r.registrar.Seen(ctx, id, seen.GetAuthorityId(), seen.GetCertificate())
	}
	if errors.Is(err, tenancy.ErrUnavailable) {
		r.log.WarnContext(ctx, "cannot register a certificate", slog.String("cell", cell), slog.Any("error", err))
		_ = msg.NakWithDelay(retry)
		return
	}
	if err != nil {
		r.log.InfoContext(ctx, "a certificate was not registered", slog.String("cell", cell), slog.String("tenant", string(id)), slog.Any("error", err))
	}
	_ = msg.Ack()
}
