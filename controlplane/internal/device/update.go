package device

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/millwright-io/millwright/controlplane/internal/audit"
	"github.com/millwright-io/millwright/controlplane/internal/name"
	"github.com/millwright-io/millwright/tenancy"
)

// Change is what of a device is to be replaced; what is nil stays.
type Change struct {
	Type     *string
	Location *Location
	Labels   *map[string]string
	Metadata *map[string]string
	Firmware *string
}

func (c Change) of(d Device) Device {
	set(&d.Type, c.Type)
	set(&d.Location, c.Location)
	set(&d.Labels, c.Labels)
	set(&d.Metadata, c.Metadata)
	set(&d.Firmware, c.Firmware)
	return d
}

func set[T any](field, value *T) {
	if value != nil {
		*field = *value
	}
}

// StaleError refuses a change that was made from an older version than there is. It is an ErrConflict.
type StaleError struct {
	// Current is the device as it is, Yours as the refused change would have made it.
	Current, Yours Device
}

func (e *StaleError) Error() string {
	return fmt.Sprintf("device %s has been changed since version %d and is at version %d now: look at both and save again",
		e.Current.ID, e.Yours.Version, e.Current.Version)
}

// Unwrap makes a StaleError an ErrConflict.
func (e *StaleError) Unwrap() error { return tenancy.ErrConflict }

// ErrStale is a store's refusal of a change that is not from the version there is.
var ErrStale = fmt.Errorf("the version is not the one there is: %w", tenancy.ErrConflict)

// Update changes a device from that version on.
func (s *Service) Update(ctx context.Context, p tenancy.Principal, device string, version int64, c Change) (Device, error) {
	before, err := s.inUse(ctx, p, device)
	if err != nil {
		return Device{}, err
	}
	after := c.of(before)
	after.Version = version
	if err := after.check(); err != nil {
		return Device{}, err
	}
	if err := standing(p, after.Location); err != nil {
		return Device{}, err
	}
	if before.Version != version {
		return Device{}, &StaleError{Current: before, Yours: after}
	}
	after.Version, after.UpdatedAt = version+1, s.now().UTC()
	before.Certificates, after.Certificates = nil, nil
	e := audit.Of(ctx, p, s.now(), object(device), after).From(before)
	if err := s.store.UpdateDevice(ctx, p.Tenant, after, e); errors.Is(err, ErrStale) {
		after.Version = version
		return Device{}, s.stale(ctx, p, after, err)
	} else if err != nil {
		return Device{}, err
	}
	return s.store.Device(ctx, p.Tenant, device)
}

// stale tells what somebody else made of the device meanwhile.
func (s *Service) stale(ctx context.Context, p tenancy.Principal, yours Device, refusal error) error {
	current, err := s.Get(ctx, p, yours.ID)
	if err != nil {
		return errors.Join(refusal, err)
	}
	return &StaleError{Current: current, Yours: yours}
}

// Retire takes a device out of use for good; doing so again changes nothing.
func (s *Service) Retire(ctx context.Context, p tenancy.Principal, device string) (Device, error) {
	before, err := s.Get(ctx, p, device)
	if err != nil || before.Status == StatusRetired {
		return before, err
	}
	now := s.now().UTC()
	e := audit.Of(ctx, p, now, object(device), map[string]any{"status": StatusRetired, "retired_at": now}).
		From(map[string]any{"status": before.Status, "certificates": before.Certificates})
	if err := s.store.RetireDevice(ctx, p.Tenant, device, now, e); err != nil {
		return Device{}, err
	}
	return s.store.Device(ctx, p.Tenant, device)
}

// inUse returns a device that may still be changed.
func (s *Service) inUse(ctx context.Context, p tenancy.Principal, device string) (Device, error) {
	d, err := s.Get(ctx, p, device)
	if err == nil && d.Status == StatusRetired {
		return Device{}, fmt.Errorf("device %s was retired on %s and cannot be changed: create one with another id: %w",
			device, d.RetiredAt.Format("2006-01-02"), tenancy.ErrConflict)
	}
	return d, err
}

// standing refuses a place that the caller may not put devices at.
func standing(p tenancy.Principal, l Location) error {
	if !p.Sees(l.Facility) {
		return fmt.Errorf("location.facility %q: you may have devices at %s only: %w", l.Facility, strings.Join(p.Facilities, ", "), tenancy.ErrForbidden)
	}
	return nil
}

// The longest texts, in characters.
const (
	longestName  = 64
	longestLabel = 128
	longestNote  = 1024
)

// check refuses texts that people could mistake for others.
func (d Device) check() error {
	l := d.Location
	if (l.Line != "" && l.Facility == "") || (l.Station != "" && l.Line == "") {
		return fmt.Errorf("location: a line belongs to a facility and a station to a line: name those too: %w", tenancy.ErrInvalid)
	}
	problems := []error{
		name.Check("location.facility", l.Facility, longestName), name.Check("location.line", l.Line, longestName),
		name.Check("location.station", l.Station, longestName), name.Check("firmware", d.Firmware, longestName),
	}
	for _, key := range slices.Sorted(maps.Keys(d.Labels)) {
		problems = append(problems, name.Check("labels."+key, d.Labels[key], longestLabel))
	}
	for _, key := range slices.Sorted(maps.Keys(d.Metadata)) {
		problems = append(problems, name.CheckNote("metadata."+key, d.Metadata[key], longestNote))
	}
	for _, err := range problems {
		if err != nil {
			return err
		}
	}
	return nil
}
