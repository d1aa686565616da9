package dataplane

import (
	"context"
	"log/slog"
	"math"
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/catalog"
	"github.com/millwright-io/millwright/dataplane/internal/clickhouse"
	"github.com/millwright-io/millwright/dataplane/internal/usage"
)

const (
	// storagePartition stands for the sample of storage in totals of usage: the process that takes over samples in the same place.
	storagePartition = math.MaxUint16 - 1
	// storageInterval is how often it is looked whether an hour has begun.
	storageInterval = 15 * time.Second
)

// storageMeter samples once an hour how much of the store each tenant takes. A second sample of an hour replaces the first.
type storageMeter struct {
	store   *clickhouse.Store
	catalog *catalog.Catalog
	ledger  usage.Publisher
	log     *slog.Logger
	now     func() time.Time
}

// run samples until ctx is done.
func (m *storageMeter) run(ctx context.Context) error {
	ticker := time.NewTicker(storageInterval)
	defer ticker.Stop()
	last := time.Time{}
	for {
		if now := m.now(); !now.Truncate(time.Hour).Equal(last) {
			if err := m.sample(ctx, now); err != nil && ctx.Err() == nil {
				m.log.WarnContext(ctx, "storage not sampled, trying again", slog.Any("error", err))
			} else {
				last = now.Truncate(time.Hour)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

func (m *storageMeter) sample(ctx context.Context, now time.Time) error {
	sizes, err := m.store.Sizes(ctx)
	if err != nil {
		return err
	}
	hour := now.Truncate(time.Hour).Unix()
	var totals []usage.Total
	for _, t := range m.catalog.Tenants() {
		size := sizes[t.ID.Database()]
		for meter, bytes := range map[usage.Meter]uint64{usage.StorageRaw: size.Raw, usage.StorageMinutes: size.Minutes, usage.StorageHours: size.Hours} {
			if bytes > 0 {
				totals = append(totals, usage.Total{Tenant: t.ID, Hour: hour, Meter: meter, Value: bytes, Version: uint64(now.UnixMilli())}) //nolint:gosec // after 1970
			}
		}
	}
	return m.ledger.PublishCounts(ctx, storagePartition, totals)
}
