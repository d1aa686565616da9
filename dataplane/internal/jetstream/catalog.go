package jetstream

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"

	"github.com/millwright-io/millwright/dataplane/internal/catalog"
	catalogv1 "github.com/millwright-io/millwright/proto/gen/millwright/catalog/v1"
	"github.com/millwright-io/millwright/proto/subject"
	"github.com/millwright-io/millwright/tenancy"
)

// Feed follows the cell's catalog bucket into a catalog.Catalog. While NATS or the control plane is away the catalog
// keeps what it last knew.
type Feed struct {
	js      jetstream.JetStream
	cell    string
	catalog *catalog.Catalog
	log     *slog.Logger

	ready chan struct{}
	once  sync.Once
}

// NewFeed returns a feed, which reads nothing before Run.
func NewFeed(js jetstream.JetStream, cell string, c *catalog.Catalog, log *slog.Logger) *Feed {
	return &Feed{js: js, cell: cell, catalog: c, log: log, ready: make(chan struct{})}
}

// Ready is closed when the catalog holds all that the bucket held at the start.
func (f *Feed) Ready() <-chan struct{} { return f.ready }

// Run follows the bucket until ctx is done.
func (f *Feed) Run(ctx context.Context) error {
	for {
		err := f.follow(ctx)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // it was told to stop
		}
		f.log.WarnContext(ctx, "catalog interrupted, following again", slog.Any("error", err))
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(reconnectWait):
		}
	}
}

// follow reads the bucket from the start, then its changes. What the catalog holds and the bucket no longer does is
// removed at the end of the first read.
func (f *Feed) follow(ctx context.Context) error {
	kv, err := f.js.KeyValue(ctx, subject.CatalogBucket(f.cell))
	if err != nil {
		return fmt.Errorf("open catalog bucket: %w", err)
	}
	watch, err := kv.WatchAll(ctx)
	if err != nil {
		return fmt.Errorf("watch catalog bucket: %w", err)
	}
	defer func() { _ = watch.Stop() }() // the connection's end stops it too
	seen := map[string]bool{}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case entry, ok := <-watch.Updates():
			if !ok {
				return fmt.Errorf("watch of the catalog bucket ended")
			}
			if entry == nil {
				f.prune(seen)
				seen = nil
				f.once.Do(func() { close(f.ready) })
				continue
			}
			f.apply(ctx, entry)
			if seen != nil && entry.Operation() == jetstream.KeyValuePut {
				seen[entry.Key()] = true
			}
		}
	}
}

func (f *Feed) apply(ctx context.Context, entry jetstream.KeyValueEntry) {
	kind, names, ok := subject.ParseCatalogKey(entry.Key())
	if !ok {
		f.log.WarnContext(ctx, "catalog key not understood", slog.String("key", entry.Key()))
		return
	}
	if entry.Operation() != jetstream.KeyValuePut {
		f.remove(kind, names)
		return
	}
	if err := f.set(kind, names, entry.Value()); err != nil {
		f.log.ErrorContext(ctx, "catalog entry not understood, keeping what was known", slog.String("key", entry.Key()), slog.Any("error", err))
	}
}

func (f *Feed) remove(kind subject.Kind, names []string) {
	switch kind {
	case subject.KindTenant:
		f.catalog.RemoveTenant(tenancy.ID(names[0]))
	case subject.KindDevice:
		f.catalog.RemoveDevice(tenancy.ID(names[0]), names[1])
	case subject.KindGroup:
		f.catalog.RemoveGroup(tenancy.ID(names[0]), names[1])
	case subject.KindKey:
		f.catalog.RemoveKey(names[1])
	case subject.KindVerifier:
		f.catalog.RemoveVerifier(names[0])
	}
}

// set takes an entry; the key says whose it is, so that an entry cannot speak for another tenant.
func (f *Feed) set(kind subject.Kind, names []string, value []byte) error {
	switch kind {
	case subject.KindTenant:
		return decode(value, &catalogv1.Tenant{}, func(t *catalogv1.Tenant) { f.catalog.SetTenant(tenantFromProto(names[0], t)) })
	case subject.KindDevice:
		return decode(value, &catalogv1.Device{}, func(d *catalogv1.Device) { f.catalog.SetDevice(deviceFromProto(names[0], names[1], d)) })
	case subject.KindGroup:
		return decode(value, &catalogv1.Group{}, func(g *catalogv1.Group) { f.catalog.SetGroup(groupFromProto(names[0], names[1], g)) })
	case subject.KindKey:
		return decode(value, &catalogv1.Key{}, func(k *catalogv1.Key) { f.catalog.SetKey(keyFromProto(names[0], names[1], k)) })
	default:
		return decode(value, &catalogv1.Verifier{}, func(v *catalogv1.Verifier) { f.catalog.SetVerifier(names[0], v.GetPublicKey()) })
	}
}

func decode[M proto.Message](value []byte, m M, then func(M)) error {
	if err := proto.Unmarshal(value, m); err != nil {
		return fmt.Errorf("decode catalog entry: %w", err)
	}
	then(m)
	return nil
}

// prune forgets what the bucket no longer holds: a key that was revoked while the watch was lost must not work on.
func (f *Feed) prune(seen map[string]bool) {
	if seen == nil {
		return
	}
	f.catalog.Prune(catalog.Retain{
		Tenant:   func(id tenancy.ID) bool { return seen[subject.TenantKey(string(id))] },
		Device:   func(id tenancy.ID, device string) bool { return seen[subject.DeviceKey(string(id), device)] },
		Group:    func(id tenancy.ID, group string) bool { return seen[subject.GroupKey(string(id), group)] },
		Key:      func(id tenancy.ID, key string) bool { return seen[subject.APIKeyKey(string(id), key)] },
		Verifier: func(id string) bool { return seen[subject.VerifierKey(id)] },
	})
}

func tenantFromProto(id string, t *catalogv1.Tenant) catalog.Tenant {
	l := t.GetLimits()
	positive := func(v, otherwise int) int {
		if v > 0 {
			return v
		}
		return otherwise
	}
	return catalog.Tenant{
		ID: tenancy.ID(id), Name: t.GetName(), Suspended: t.GetSuspended(), IntermediateCA: t.GetIntermediateCa(),
		Limits: catalog.Limits{
			EventsPerSecond:       positive(int(l.GetEventsPerSecond()), 1000),
			EventsBurst:           positive(int(l.GetEventsBurst()), positive(int(l.GetEventsPerSecond()), 1000)),
			PayloadBytes:          positive(int(l.GetPayloadBytes()), 256<<10),
			MeasurementsPerDevice: positive(int(l.GetMeasurementsPerDevice()), 512),
			Horizon:               time.Duration(positive(int(l.GetHorizonSeconds()), 10*365*24*3600)) * time.Second,
			RequestsPerSecond:     positive(int(l.GetRequestsPerSecond()), 100),
			EventsPerDay:          l.GetEventsPerDay(),
			RefuseOverDay:         l.GetRefuseOverDay(),
			DeviceEventsPerSecond: int(l.GetDeviceEventsPerSecond()),
			DeviceEventsBurst:     positive(int(l.GetDeviceEventsBurst()), int(l.GetDeviceEventsPerSecond())),
			Connections:           positive(int(l.GetConnections()), 10_000),
			LiveSessions:          positive(int(l.GetLiveSessions()), 500),
			QueryConcurrency:      positive(int(l.GetQueryConcurrency()), 32),
		},
	}
}

func deviceFromProto(tenant, id string, d *catalogv1.Device) catalog.Device {
	out := catalog.Device{
		Tenant: tenancy.ID(tenant), ID: id, Type: d.GetDeviceType(), Facility: d.GetFacility(), Suspended: d.GetSuspended(), Retired: d.GetRetired(),
		Certificates: make(map[string]catalog.Certificate, len(d.GetCertificates())),
		Groups:       d.GetGroups(), SpeaksForDevices: d.GetSpeaksForDevices(), SpeaksForGroups: d.GetSpeaksForGroups(),
	}
	for _, c := range d.GetCertificates() {
		out.Certificates[c.GetSerial()] = catalog.Certificate{Revoked: c.GetRevoked(), NotAfter: c.GetNotAfter().AsTime()}
	}
	return out
}

func groupFromProto(tenant, id string, g *catalogv1.Group) catalog.Group {
	return catalog.Group{
		Tenant: tenancy.ID(tenant), ID: id, Topics: g.GetTopics(), PayloadBytes: int(g.GetPayloadBytes()),
		EventsPerSecond: int(g.GetEventsPerSecond()), Commands: g.GetCommands(), CommandsLimited: g.GetCommandsLimited(),
	}
}

func keyFromProto(tenant, id string, k *catalogv1.Key) catalog.Key {
	out := catalog.Key{Tenant: tenancy.ID(tenant), ID: id, Hash: k.GetHash(), Role: tenancy.Role(k.GetRole())}
	if k.GetExpiresAt() != nil {
		out.ExpiresAt = k.GetExpiresAt().AsTime()
	}
	return out
}
