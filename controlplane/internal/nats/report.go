package nats

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"

	"github.com/millwright-io/millwright/controlplane/internal/tenant"
	catalogv1 "github.com/millwright-io/millwright/proto/gen/millwright/catalog/v1"
	"github.com/millwright-io/millwright/proto/subject"
	"github.com/millwright-io/millwright/tenancy"
)

// reportConsumer is the durable consumer of the control plane; all its processes share it.
const reportConsumer = "controlplane"

// Storages notes what cells say of tenants' storage.
type Storages interface {
	StorageReported(ctx context.Context, id tenancy.ID, r tenant.StorageReport) error
}

// Registrar registers certificates of tenants' own CAs that devices have proved at a gateway. Errors other than a
// tenancy.ErrUnavailable are final.
type Registrar interface {
	Seen(ctx context.Context, id tenancy.ID, authority string, der []byte) error
}

// Reports reads what the cells report.
type Reports struct {
	js        jetstream.JetStream
	storages  Storages
	registrar Registrar
	log       *slog.Logger
}

// NewReports returns a reader.
func NewReports(c *Conn, s Storages, r Registrar, log *slog.Logger) *Reports {
	return &Reports{js: c.js, storages: s, registrar: r, log: log}
}

// retry is how long a failed attempt, or a failed message, rests.
const retry = 500 * time.Millisecond

// Run reads until ctx is done, through every absence of NATS.
func (r *Reports) Run(ctx context.Context) error {
	for {
		err := r.read(ctx)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the end of ctx is the end of the work
		}
		level := slog.LevelWarn
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			level = slog.LevelDebug // the distributor is about to make it
		}
		r.log.Log(ctx, level, "cannot read the cells' reports", slog.Duration("retry_in", retry), slog.Any("error", err))
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(retry):
		}
	}
}

func (r *Reports) read(ctx context.Context) error {
	c, err := r.js.CreateOrUpdateConsumer(ctx, subject.ReportStream, jetstream.ConsumerConfig{
		Durable: reportConsumer, AckPolicy: jetstream.AckExplicitPolicy, AckWait: 30 * time.Second, MaxAckPending: 100,
	})
	if err != nil {
		return fmt.Errorf("open consumer %s of %s: %w", reportConsumer, subject.ReportStream, err)
	}
	for ctx.Err() == nil {
		msg, err := c.Next(jetstream.FetchMaxWait(time.Second))
		if errors.Is(err, jetstream.ErrNoMessages) || errors.Is(err, natsgo.ErrTimeout) {
			continue
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", subject.ReportStream, err)
		}
		r.handle(ctx, msg)
	}
	return nil
}

func (r *Reports) handle(ctx context.Context, msg jetstream.Msg) {
	cell, _ := strings.CutPrefix(msg.Subject(), subject.Report(""))
	var report catalogv1.CellReport
	err := proto.Unmarshal(msg.Data(), &report)
	if seen := report.GetSeenCertificate(); err == nil && seen != nil {
		r.register(ctx, cell, seen, msg)
		return
	}
	storage := report.GetStorage()
	named := storage.GetTenantId()
	if storage == nil {
		named = report.GetProvisionedTenantId()
	}
	var id tenancy.ID
	if err == nil {
		id, err = tenancy.ParseID(named)
	}
	if err != nil {
		r.log.ErrorContext(ctx, "dropped a report that cannot be read", slog.String("cell", cell), slog.Any("error", err))
		_ = msg.TermWithReason("unreadable")
		return
	}
	err = r.storages.StorageReported(ctx, id, tenant.StorageReport{
		Cell: cell, Failure: storage.GetFailure(), Removed: storage.GetRemoved(),
		Tables: storage.GetTables(), Rows: storage.GetRows(), Bytes: storage.GetBytes(),
	})
	if err != nil {
		r.log.WarnContext(ctx, "cannot take a report", slog.String("cell", cell), slog.String("tenant", string(id)), slog.Any("error", err))
		_ = msg.NakWithDelay(retry)
		return
	}
	_ = msg.Ack()
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
