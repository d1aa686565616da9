package jetstream

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/millwright-io/millwright/dataplane/internal/catalog"
	"github.com/millwright-io/millwright/dataplane/internal/localcopy"
	"github.com/millwright-io/millwright/dataplane/internal/telemetry"
	catalogv1 "github.com/millwright-io/millwright/proto/gen/millwright/catalog/v1"
	"github.com/millwright-io/millwright/proto/subject"
	"github.com/millwright-io/millwright/tenancy"
)

// Copy keeps what the feed read on the cell's own disk.
type Copy interface {
	Load(apply func(localcopy.Entry)) (localcopy.Version, bool, error)
	Begin(bucket string) error
	Add(localcopy.Entry) error
	Complete(revision uint64) error
	Sync() error
	Due() bool
}

// syncInterval is how long a change may be in the copy's memory alone; after a power cut NATS tells it again.
const syncInterval = time.Second

// Feed follows the cell's catalog bucket into a catalog.Catalog: first the local copy, then the changes since. While NATS
// or the control plane is away the catalog keeps what it last knew.
type Feed struct {
	js      jetstream.JetStream
	cell    string
	catalog *catalog.Catalog
	copy    Copy // nil: none is kept
	log     *slog.Logger

	// at is what the catalog holds; of no bucket before the first read.
	at localcopy.Version

	ready chan struct{}
	once  sync.Once
}

// NewFeed returns a feed, which reads nothing before Run. c may be nil.
func NewFeed(js jetstream.JetStream, cell string, into *catalog.Catalog, c Copy, log *slog.Logger) *Feed {
	return &Feed{js: js, cell: cell, catalog: into, copy: c, log: log, ready: make(chan struct{})}
}

// Ready is closed when the catalog holds the local copy, or, without one, all that the bucket held at the start.
func (f *Feed) Ready() <-chan struct{} { return f.ready }

// Run follows the bucket until ctx is done.
func (f *Feed) Run(ctx context.Context) error {
	f.load(ctx)
	for {
		err := f.follow(ctx)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // it was told to stop
		}
		if !errors.Is(err, errOutgrown) {
			f.log.WarnContext(ctx, "catalog interrupted, following again", slog.Any("error", err))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(reconnectWait):
		}
	}
}

// load takes the local copy.
func (f *Feed) load(ctx context.Context) {
	if f.copy == nil {
		return
	}
	begun := time.Now()
	entries := 0
	at, ok, err := f.copy.Load(func(e localcopy.Entry) {
		entries++
		f.take(ctx, e)
	})
	if err != nil {
		f.log.ErrorContext(ctx, "the local copy of the catalog cannot be used, reading it from nats", slog.Any("error", err))
	}
	if !ok {
		return
	}
	f.at = at
	f.log.InfoContext(ctx, "catalog read from the local copy", slog.Int("records", entries), slog.Uint64("revision", at.Revision),
		slog.Duration("in", time.Since(begun)))
	f.once.Do(func() { close(f.ready) })
}

// errOutgrown says that the copy is due for a new snapshot.
var errOutgrown = errors.New("the local copy is due for a new snapshot")

// follow reads the changes since what the catalog holds when the bucket still has that state, else everything; then what
// the catalog holds and the bucket no longer does is removed.
func (f *Feed) follow(ctx context.Context) error {
	kv, err := f.js.KeyValue(ctx, subject.CatalogBucket(f.cell))
	if err != nil {
		return fmt.Errorf("open catalog bucket: %w", err)
	}
	bucket, options := f.since(ctx, kv)
	watch, err := kv.WatchAll(ctx, options...)
	if err != nil {
		return fmt.Errorf("watch catalog bucket: %w", err)
	}
	defer func() { _ = watch.Stop() }() // the connection's end stops it too
	at, seen := f.at, map[string]bool(nil)
	if len(options) == 0 {
		at, seen = localcopy.Version{Bucket: bucket}, map[string]bool{}
		f.at = localcopy.Version{} // whoever breaks off begins anew
		f.keep(ctx, "begin", func() error { return f.copy.Begin(bucket) })
	}
	tick := time.NewTicker(syncInterval)
	defer tick.Stop()
	dirty := false
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
			if dirty {
				dirty = false
				f.keep(ctx, "sync", func() error { return f.copy.Sync() })
			}
			if seen == nil && f.copy != nil && f.copy.Due() {
				f.at = localcopy.Version{}
				return errOutgrown
			}
		case update, ok := <-watch.Updates():
			if !ok {
				return errors.New("watch of the catalog bucket ended")
			}
			if update == nil {
				if seen != nil {
					f.prune(seen)
					seen = nil
					f.keep(ctx, "complete", func() error { return f.copy.Complete(at.Revision) })
				}
				f.at = at
				f.once.Do(func() { close(f.ready) })
				continue
			}
			e := entryOf(update)
			f.take(ctx, e)
			if at.Revision, at.Key, at.Value = e.Revision, e.Key, e.Value; seen == nil {
				f.at = at
			}
			f.keep(ctx, "add", func() error { return f.copy.Add(e) })
			dirty = f.copy != nil
			if seen != nil && e.Value != nil {
				seen[e.Key] = true
			}
		}
	}
}

// since says how to watch: from the revision after the one that the catalog holds, when the bucket is the same and still
// has that very entry; else from its start.
func (f *Feed) since(ctx context.Context, kv jetstream.KeyValue) (bucket string, options []jetstream.WatchOpt) {
	status, err := kv.Status(ctx)
	if err != nil {
		return "", nil // the watch will say so too
	}
	if full, ok := status.(*jetstream.KeyValueBucketStatus); ok {
		bucket = strconv.FormatInt(full.StreamInfo().Created.UnixNano(), 36)
	}
	if bucket == "" || f.at.Bucket != bucket || f.at.Value == nil {
		return bucket, nil
	}
	entry, err := kv.GetRevision(ctx, f.at.Key, f.at.Revision)
	if err != nil || !bytes.Equal(entry.Value(), f.at.Value) {
		return bucket, nil
	}
	return bucket, []jetstream.WatchOpt{jetstream.ResumeFromRevision(f.at.Revision + 1)}
}

// keep does something to the copy. The catalog goes on without it when its disk fails.
func (f *Feed) keep(ctx context.Context, what string, do func() error) {
	if f.copy == nil {
		return
	}
	if err := do(); err != nil {
		f.log.ErrorContext(ctx, "no local copy of the catalog is kept any more, a restart needs nats", slog.String("step", what), slog.Any("error", err))
		f.copy = nil
	}
}

func entryOf(update jetstream.KeyValueEntry) localcopy.Entry {
	e := localcopy.Entry{Key: update.Key(), Revision: update.Revision()}
	if update.Operation() == jetstream.KeyValuePut {
		if e.Value = update.Value(); e.Value == nil {
			e.Value = []byte{}
		}
	}
	return e
}

func (f *Feed) take(ctx context.Context, e localcopy.Entry) {
	kind, names, ok := subject.ParseCatalogKey(e.Key)
	if !ok {
		f.log.WarnContext(ctx, "catalog key not understood", slog.String("key", e.Key))
		return
	}
	if e.Value == nil {
		f.remove(kind, names)
		return
	}
	if err := f.set(kind, names, e.Value); err != nil {
		f.log.ErrorContext(ctx, "catalog entry not understood, keeping what was known", slog.String("key", e.Key), slog.Any("error", err))
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
	case subject.KindType:
		f.catalog.RemoveType(tenancy.ID(names[0]), names[1])
	case subject.KindKey:
		f.catalog.RemoveKey(names[1])
	case subject.KindMember:
		f.catalog.RemoveMember(tenancy.ID(names[0]), names[1])
	case subject.KindRole:
		f.catalog.RemoveRole(tenancy.ID(names[0]), names[1])
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
	case subject.KindType:
		return decode(value, &catalogv1.DeviceType{}, func(t *catalogv1.DeviceType) {
			f.catalog.SetType(tenancy.ID(names[0]), names[1], schemaFromProto(names[1], t))
		})
	case subject.KindKey:
		return decode(value, &catalogv1.Key{}, func(k *catalogv1.Key) { f.catalog.SetKey(keyFromProto(names[0], names[1], k)) })
	case subject.KindMember:
		return decode(value, &catalogv1.Member{}, func(m *catalogv1.Member) {
			f.catalog.SetMember(catalog.Member{Tenant: tenancy.ID(names[0]), ID: names[1], Role: tenancy.Role(m.GetRole()), Facilities: m.GetFacilities()})
		})
	case subject.KindRole:
		return decode(value, &catalogv1.Role{}, func(r *catalogv1.Role) {
			f.catalog.SetRole(tenancy.ID(names[0]), names[1], actions(r.GetActions()))
		})
	default:
		return decode(value, &catalogv1.Verifier{}, func(v *catalogv1.Verifier) { f.catalog.SetVerifier(names[0], v.GetPublicKey(), v.GetRetired()) })
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
		Type:     func(id tenancy.ID, t string) bool { return seen[subject.TypeKey(string(id), t)] },
		Key:      func(id tenancy.ID, key string) bool { return seen[subject.APIKeyKey(string(id), key)] },
		Member:   func(id tenancy.ID, person string) bool { return seen[subject.MemberKey(string(id), person)] },
		Role:     func(id tenancy.ID, role string) bool { return seen[subject.RoleKey(string(id), role)] },
		Verifier: func(id string) bool { return seen[subject.VerifierKey(id)] },
	})
}

// keptFromProto: a control plane that knows no resolutions kept all for the same time.
func keptFromProto(t *catalogv1.Tenant) tenancy.Kept {
	k := tenancy.Kept{Events: int(t.GetRetentionDays()), Minutes: int(t.GetMinuteRetentionDays()), Hours: int(t.GetHourRetentionDays())}
	if k.Minutes == 0 && k.Hours == 0 {
		k.Minutes, k.Hours = k.Events, k.Events
	}
	return k
}

func tenantFromProto(id string, t *catalogv1.Tenant) catalog.Tenant {
	l := t.GetLimits()
	positive := func(v, otherwise int) int {
		if v > 0 {
			return v
		}
		return otherwise
	}
	out := catalog.Tenant{
		ID: tenancy.ID(id), Name: t.GetName(), Suspended: t.GetSuspended(), IntermediateCA: t.GetIntermediateCa(),
		Suspension: t.GetSuspension(), Removed: t.GetRemoved(),
		SecondFactorRequired: t.GetSecondFactorRequired(),
		Kept:                 keptFromProto(t),
		Limits: catalog.Limits{
			EventsPerSecond:       positive(int(l.GetEventsPerSecond()), 1000),
			EventsBurst:           positive(int(l.GetEventsBurst()), positive(int(l.GetEventsPerSecond()), 1000)),
			PayloadBytes:          positive(int(l.GetPayloadBytes()), 256<<10),
			MeasurementsPerDevice: positive(int(l.GetMeasurementsPerDevice()), 512),
			Series:                l.GetSeries(),
			Horizon:               time.Duration(positive(int(l.GetHorizonSeconds()), 10*365*24*3600)) * time.Second,
			RequestsPerSecond:     positive(int(l.GetRequestsPerSecond()), 100),
			EventsPerDay:          l.GetEventsPerDay(),
			RefuseOverDay:         l.GetRefuseOverDay(),
			DeviceEventsPerSecond: int(l.GetDeviceEventsPerSecond()),
			DeviceEventsBurst:     positive(int(l.GetDeviceEventsBurst()), int(l.GetDeviceEventsPerSecond())),
			Connections:           positive(int(l.GetConnections()), 10_000),
			LiveSessions:          positive(int(l.GetLiveSessions()), 500),
			QueryConcurrency:      positive(int(l.GetQueryConcurrency()), 32),
			QueryTime:             max(int(l.GetQueryTime()), 0),
			EventsReason:          l.GetEventsReason(),
			EventsRefused:         l.GetEventsRefused(),
		},
	}
	for _, a := range t.GetAuthorities() {
		if ca, err := x509.ParseCertificate(a.GetCertificate()); err == nil { // the control plane has parsed it
			out.Authorities = append(out.Authorities, catalog.Authority{
				ID: a.GetAuthorityId(), Certificate: ca, FromURI: a.GetIdentityFromUri(), Provisions: a.GetProvisions(),
			})
		}
	}
	return out
}

func deviceFromProto(tenant, id string, d *catalogv1.Device) catalog.Device {
	out := catalog.Device{
		Tenant: tenancy.ID(tenant), ID: id, Type: d.GetDeviceType(), Facility: d.GetFacility(), Line: d.GetLine(), Station: d.GetStation(), Suspended: d.GetSuspended(), Retired: d.GetRetired(),
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

func schemaFromProto(id string, t *catalogv1.DeviceType) *telemetry.Schema {
	rules := make([]telemetry.Rule, 0, len(t.GetMeasurements()))
	for _, m := range t.GetMeasurements() {
		r := telemetry.Rule{Name: m.GetName(), Unit: m.GetUnit(), Minimum: math.Inf(-1), Maximum: math.Inf(1)}
		if m.Minimum != nil {
			r.Minimum = m.GetMinimum()
		}
		if m.Maximum != nil {
			r.Maximum = m.GetMaximum()
		}
		rules = append(rules, r)
	}
	unknown := map[catalogv1.Unknown]telemetry.Unknown{
		catalogv1.Unknown_UNKNOWN_DROP: telemetry.UnknownDrop, catalogv1.Unknown_UNKNOWN_DEAD_LETTER: telemetry.UnknownDeadLetter,
	}
	return telemetry.NewSchema(id, rules, unknown[t.GetUnknown()])
}

func keyFromProto(tenant, id string, k *catalogv1.Key) catalog.Key {
	out := catalog.Key{
		Tenant: tenancy.ID(tenant), ID: id, Role: tenancy.Role(k.GetRole()), Scopes: actions(k.GetScopes()), Facilities: k.GetFacilities(),
		ServiceAccount: k.GetServiceAccountId(), ExpiresAt: timeOf(k.GetExpiresAt()),
	}
	for _, s := range k.GetSecrets() {
		out.Secrets = append(out.Secrets, catalog.Secret{Number: int(s.GetNumber()), Hash: s.GetHash(), ExpiresAt: timeOf(s.GetExpiresAt())})
	}
	return out
}

func actions(words []string) (list []tenancy.Action) {
	for _, w := range words {
		list = append(list, tenancy.Action(w))
	}
	return list
}

// timeOf reads an unset timestamp as the zero time.
func timeOf(t *timestamppb.Timestamp) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.AsTime()
}
