package nats

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/millwright-io/millwright/controlplane/internal/certificate"
	"github.com/millwright-io/millwright/controlplane/internal/device"
	"github.com/millwright-io/millwright/controlplane/internal/devicetype"
	"github.com/millwright-io/millwright/controlplane/internal/distribute"
	"github.com/millwright-io/millwright/controlplane/internal/group"
	"github.com/millwright-io/millwright/controlplane/internal/key"
	"github.com/millwright-io/millwright/controlplane/internal/role"
	"github.com/millwright-io/millwright/controlplane/internal/tenant"
	"github.com/millwright-io/millwright/migrations"
	catalogv1 "github.com/millwright-io/millwright/proto/gen/millwright/catalog/v1"
	"github.com/millwright-io/millwright/proto/subject"
	"github.com/millwright-io/millwright/tenancy"
)

// horizon is how old an event may be when it is received; old recordings are replayed.
const horizon = 10 * 365 * 24 * time.Hour

// Catalog writes the cells' catalog buckets. It is a distribute.Catalog.
type Catalog struct {
	js       jetstream.JetStream
	replicas int
}

// NewCatalog returns the catalogs of all cells; replicas is that of the buckets and streams it makes.
func NewCatalog(c *Conn, replicas int) *Catalog { return &Catalog{js: c.js, replicas: replicas} }

// Put implements distribute.Catalog.
func (c *Catalog) Put(ctx context.Context, cell string, entries []distribute.Entry) error {
	kv, err := c.bucket(ctx, cell)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name, value, err := entryToProto(e)
		if err != nil {
			return err
		}
		if value == nil {
			err = remove(ctx, kv, name)
		} else {
			_, err = kv.Put(ctx, name, value)
		}
		if err != nil {
			return fmt.Errorf("write %s to the catalog of %s: %w", name, cell, err)
		}
	}
	return nil
}

// Replace implements distribute.Catalog. It makes the cell's bucket, and the streams that the planes share, when they do
// not exist yet. What is equal already is not written again.
func (c *Catalog) Replace(ctx context.Context, cell string, entries []distribute.Entry) (changed int, err error) {
	if err := migrations.ControlPlaneJetStream(ctx, c.js, cell, c.replicas); err != nil {
		return 0, err
	}
	kv, err := c.bucket(ctx, cell)
	if err != nil {
		return 0, err
	}
	have, err := contents(ctx, kv)
	if err != nil {
		return 0, fmt.Errorf("read the catalog of %s: %w", cell, err)
	}
	for _, e := range entries {
		name, value, err := entryToProto(e)
		if err != nil {
			return changed, err
		}
		old, ok := have[name]
		delete(have, name)
		if value == nil || (ok && bytes.Equal(old, value)) {
			continue
		}
		if _, err := kv.Put(ctx, name, value); err != nil {
			return changed, fmt.Errorf("write %s to the catalog of %s: %w", name, cell, err)
		}
		changed++
	}
	for name := range have {
		if err := remove(ctx, kv, name); err != nil {
			return changed, fmt.Errorf("remove %s from the catalog of %s: %w", name, cell, err)
		}
		changed++
	}
	return changed, nil
}

// bucket opens the cell's bucket.
func (c *Catalog) bucket(ctx context.Context, cell string) (jetstream.KeyValue, error) {
	kv, err := c.js.KeyValue(ctx, subject.CatalogBucket(cell))
	if err != nil {
		return nil, fmt.Errorf("open bucket %s: %w", subject.CatalogBucket(cell), err)
	}
	return kv, nil
}

func remove(ctx context.Context, kv jetstream.KeyValue, name string) error {
	if err := kv.Delete(ctx, name); err != nil && !errors.Is(err, jetstream.ErrKeyNotFound) {
		return err
	}
	return nil
}

// contents reads the whole bucket.
func contents(ctx context.Context, kv jetstream.KeyValue) (map[string][]byte, error) {
	w, err := kv.WatchAll(ctx, jetstream.IgnoreDeletes())
	if err != nil {
		return nil, err
	}
	defer func() { _ = w.Stop() }()
	have := make(map[string][]byte)
	for {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case e, ok := <-w.Updates():
			if !ok {
				return nil, errors.New("the watch ended early")
			}
			if e == nil {
				return have, nil
			}
			have[e.Key()] = e.Value()
		}
	}
}

// entryToProto returns an entry's key and its value; no value means that the object is gone.
func entryToProto(e distribute.Entry) (name string, value []byte, err error) {
	var m proto.Message
	id := string(e.TenantID)
	switch e.Kind {
	case distribute.KindTenant:
		name = subject.TenantKey(id)
		if e.Tenant != nil {
			m = tenantToProto(*e.Tenant)
		}
	case distribute.KindDevice:
		name = subject.DeviceKey(id, e.ID)
		if e.Device != nil {
			d := deviceToProto(id, *e.Device)
			d.Groups, d.SpeaksForDevices, d.SpeaksForGroups = e.Groups, e.SpeaksForDevices, e.SpeaksForGroups
			m = d
		}
	case distribute.KindType:
		name = subject.TypeKey(id, e.ID)
		if e.Type != nil {
			m = typeToProto(id, *e.Type)
		}
	case distribute.KindGroup:
		name = subject.GroupKey(id, e.ID)
		if e.Group != nil {
			m = groupToProto(id, *e.Group)
		}
	case distribute.KindKey:
		name = subject.APIKeyKey(id, e.ID)
		if e.Key != nil {
			m = keyToProto(*e.Key)
		}
	case distribute.KindMember:
		name = subject.MemberKey(id, e.ID)
		if e.Member != nil {
			m = &catalogv1.Member{TenantId: id, MemberId: e.ID, Role: string(e.Member.Role), Facilities: e.Member.Facilities}
		}
	case distribute.KindRole:
		name = subject.RoleKey(id, e.ID)
		if e.Role != nil {
			m = roleToProto(id, *e.Role)
		}
	case distribute.KindVerifier:
		name = subject.VerifierKey(e.ID)
		if e.Verifier != nil {
			m = verifierToProto(e.ID, *e.Verifier)
		}
	default:
		return "", nil, fmt.Errorf("catalog entry of kind %q is unknown", e.Kind)
	}
	if m == nil {
		return name, nil, nil
	}
	value, err = proto.MarshalOptions{Deterministic: true}.Marshal(m)
	return name, value, err
}

// verifierToProto leaves out the public half of a key that leaked: nothing that it signed can be verified.
func verifierToProto(id string, v distribute.Verifier) *catalogv1.Verifier {
	if v.Retired {
		return &catalogv1.Verifier{KeyId: id, Retired: true}
	}
	return &catalogv1.Verifier{KeyId: id, PublicKey: v.PublicKey}
}

func tenantToProto(t tenant.Tenant) *catalogv1.Tenant {
	kept := t.Kept()
	m := &catalogv1.Tenant{
		TenantId: string(t.ID), Name: t.Name, Suspended: t.Refusal() != "", Suspension: t.Refusal(), Removed: t.Removing,
		IntermediateCa: t.Intermediate, Revision: uint64(t.Revision), SecondFactorRequired: t.SecondFactorRequired,
		RetentionDays: int32(kept.Events), MinuteRetentionDays: int32(kept.Minutes), HourRetentionDays: int32(kept.Hours),
		Limits: &catalogv1.Limits{
			EventsPerSecond: int32(t.Limits.EventsPerSecond), EventsBurst: int32(t.Limits.EventsBurst),
			PayloadBytes: int32(t.Limits.PayloadBytes), MeasurementsPerDevice: int32(t.Limits.MeasurementsPerDevice), Series: t.Limits.Series,
			HorizonSeconds: int64(horizon / time.Second), RequestsPerSecond: int32(t.Limits.RequestsPerSecond),
			EventsPerDay: t.Limits.EventsPerDay, RefuseOverDay: t.Limits.RefuseOverDay,
			DeviceEventsPerSecond: int32(t.Limits.DeviceEventsPerSecond), DeviceEventsBurst: int32(t.Limits.DeviceEventsBurst),
			Connections: int32(t.Limits.Connections), LiveSessions: int32(t.Limits.LiveSessions), QueryConcurrency: int32(t.Limits.QueryConcurrency),
			QueryTime:    int32(t.Limits.QueryTime),
			EventsReason: t.Hold.Reason, EventsRefused: t.Hold.Refused,
		},
	}
	for _, a := range t.Authorities {
		m.Authorities = append(m.Authorities, &catalogv1.Authority{
			AuthorityId: a.ID, Certificate: a.Certificate, IdentityFromUri: a.Identity == certificate.IdentityURI, Provisions: a.Template != "",
		})
	}
	return m
}

func deviceToProto(id string, d device.Device) *catalogv1.Device {
	m := &catalogv1.Device{
		TenantId: id, DeviceId: d.ID, DeviceType: d.Type, Suspended: d.Status == device.StatusSuspended,
		Facility: d.Location.Facility, Line: d.Location.Line, Station: d.Location.Station, Retired: d.Status == device.StatusRetired,
	}
	for _, c := range d.Certificates {
		m.Certificates = append(m.Certificates, &catalogv1.Certificate{
			Serial: c.Serial, Revoked: !c.RevokedAt.IsZero(), NotAfter: timestamppb.New(c.NotAfter),
		})
	}
	return m
}

func typeToProto(id string, t devicetype.Type) *catalogv1.DeviceType {
	m := &catalogv1.DeviceType{TenantId: id, DeviceType: t.ID, Unknown: catalogv1.Unknown_UNKNOWN_ACCEPT}
	switch t.Unknown {
	case devicetype.UnknownAccept:
	case devicetype.UnknownDrop:
		m.Unknown = catalogv1.Unknown_UNKNOWN_DROP
	case devicetype.UnknownDeadLetter:
		m.Unknown = catalogv1.Unknown_UNKNOWN_DEAD_LETTER
	}
	for _, x := range t.Measurements {
		m.Measurements = append(m.Measurements, &catalogv1.Measurement{Name: x.Name, Unit: x.Unit, Minimum: x.Minimum, Maximum: x.Maximum})
	}
	return m
}

func groupToProto(id string, g group.Group) *catalogv1.Group {
	return &catalogv1.Group{
		TenantId: id, GroupId: g.ID, Topics: g.Policy.Topics, PayloadBytes: g.Policy.PayloadBytes,
		EventsPerSecond: g.Policy.EventsPerSecond, Commands: g.Policy.Commands, CommandsLimited: g.Policy.CommandsLimited,
	}
}

func keyToProto(k key.Key) *catalogv1.Key {
	m := &catalogv1.Key{
		TenantId: string(k.Tenant), KeyId: k.ID, Role: string(k.Role), Facilities: k.Facilities, ServiceAccountId: k.ServiceAccount,
		ExpiresAt: timestamp(k.ExpiresAt), Scopes: words(k.Scopes),
	}
	for _, s := range k.Secrets {
		m.Secrets = append(m.Secrets, &catalogv1.Secret{Number: int32(s.Number), Hash: s.Hash, ExpiresAt: timestamp(s.ExpiresAt)}) //nolint:gosec // an integer in the database
	}
	return m
}

func roleToProto(id string, r role.Role) *catalogv1.Role {
	return &catalogv1.Role{TenantId: id, CustomRole: r.Name, Actions: words(r.Actions)}
}

func words(actions []tenancy.Action) (list []string) {
	for _, a := range actions {
		list = append(list, string(a))
	}
	return list
}

// timestamp writes the zero time as unset.
func timestamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}
