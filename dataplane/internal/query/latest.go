package query

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/millwright-io/millwright/tenancy"
)

const (
	// unswept is how long a stored event may be missing from the windows.
	unswept = 30 * time.Second
	// sparkline is how far back a sparkline goes.
	sparkline = 30 * time.Minute
)

// Latest is what is newest of one device.
type Latest struct {
	Device               string
	Time, Received       time.Time
	Values               map[string]float64
	SparklineMeasurement string
	Sparkline            []float64
}

// Latest returns the devices that were ever heard, by id; no devices means all. What the windows say of them is up to some seconds
// old; what was stored since is added.
func (s *Service) Latest(ctx context.Context, tenant tenancy.ID, devices []string) ([]Latest, error) {
	stored, err := s.overview(ctx, tenant, devices)
	if err != nil {
		return nil, err
	}
	found := stored.copy()
	if err := s.recent(ctx, tenant, devices, stored.at.Add(-unswept), found); err != nil {
		return nil, err
	}
	out := make([]Latest, 0, len(found))
	for _, l := range found {
		out = append(out, *l)
	}
	slices.SortFunc(out, func(a, b Latest) int { return cmp.Compare(a.Device, b.Device) })
	return out[:min(len(out), 1000)], nil
}

// of returns a device's entry, a new one if it has none.
func of(found map[string]*Latest, device string) *Latest {
	if found[device] == nil {
		found[device] = &Latest{Device: device, Values: map[string]float64{}}
	}
	return found[device]
}

// newest adds the newest value of each measurement.
func (s *Service) newest(ctx context.Context, tenant tenancy.ID, devices []string, found map[string]*Latest) error {
	text, args := newestSQL(devices)
	return s.store.Query(ctx, tenant, text, args, func(row Row) error {
		var device, name string
		var value float64
		var at int64
		if err := row.Scan(&device, &name, &value, &at); err != nil {
			return err
		}
		l := of(found, device)
		l.Values[name] = value
		if t := time.Unix(0, at).UTC(); t.After(l.Time) {
			l.Time, l.Received = t, t
		}
		return nil
	})
}

// MostTimes is how many devices Times answers with.
const MostTimes = 10_000

// Times returns when devices were heard last, by id: those heard since a time, or ever when it is zero; no devices means
// all. more says that there are further ones.
func (s *Service) Times(ctx context.Context, tenant tenancy.ID, devices []string, since time.Time) (out []Latest, more bool, err error) {
	text, args := timesSQL(devices, since, MostTimes+1)
	err = s.store.Query(ctx, tenant, text, args, func(row Row) error {
		var device string
		var heard int64
		if err := row.Scan(&device, &heard); err != nil {
			return err
		}
		at := time.Unix(0, heard).UTC()
		out = append(out, Latest{Device: device, Time: at, Received: at})
		return nil
	})
	if len(out) > MostTimes {
		return out[:MostTimes], true, err
	}
	return out, false, err
}

// heard adds receive times.
func (s *Service) heard(ctx context.Context, tenant tenancy.ID, devices []string, found map[string]*Latest) error {
	text, args := heardSQL(devices)
	return s.store.Query(ctx, tenant, text, args, func(row Row) error {
		var device string
		var heard int64
		err := row.Scan(&device, &heard)
		of(found, device).Received = time.Unix(0, heard).UTC()
		return err
	})
}

// recent adds events that are not in a window yet.
func (s *Service) recent(ctx context.Context, tenant tenancy.ID, devices []string, since time.Time, found map[string]*Latest) error {
	text, args := recentSQL(devices, since)
	return s.store.Query(ctx, tenant, text, args, func(row Row) error {
		var device string
		var at, heard int64
		var names []string
		var values []float64
		if err := row.Scan(&device, &at, &heard, &names, &values); err != nil {
			return err
		}
		l := of(found, device)
		if t := time.Unix(0, heard).UTC(); t.After(l.Received) {
			l.Received = t
		}
		if t := time.Unix(0, at).UTC(); !t.Before(l.Time) {
			l.Time = t
			for i, name := range names {
				l.Values[name] = values[i]
			}
		}
		return nil
	})
}

func (s *Service) sparklines(ctx context.Context, tenant tenancy.ID, devices []string, found map[string]*Latest) error {
	text, args := sparklineSQL(devices, s.now().Add(-sparkline))
	return s.store.Query(ctx, tenant, text, args, func(row Row) error {
		var device, name string
		var start time.Time
		var mean float64
		if err := row.Scan(&device, &name, &start, &mean); err != nil {
			return err
		}
		if l := found[device]; l != nil {
			l.SparklineMeasurement = name
			l.Sparkline = append(l.Sparkline, mean)
		}
		return nil
	})
}

// EventKey identifies an event by what the device sent.
type EventKey struct {
	Device string
	// MessageID is `epoch/sequence`, or the message id.
	MessageID string
	// Time is zero when it is not known.
	Time time.Time
}

// Verification counts what became of a list of events.
type Verification struct {
	Stored, Missing, Duplicate         uint64
	MissingExamples, DuplicateExamples []EventKey
}

// examples is how many events a verification names.
const examples = 10

// Verify looks for events: each must be stored exactly once.
func (s *Service) Verify(ctx context.Context, tenant tenancy.ID, keys []EventKey) (Verification, error) {
	type identity struct{ device, id string }
	devices, counts := map[string]bool{}, map[identity]int{}
	from, to := int64(1<<62), int64(0)
	for _, k := range keys {
		devices[k.Device] = true
		counts[identity{k.Device, k.MessageID}] = 0
		at := int64(0)
		if !k.Time.IsZero() {
			at = k.Time.UnixNano()
		}
		from, to = min(from, at), max(to, at)
	}
	text, args := identitiesSQL(slices.Sorted(maps.Keys(devices)), from, to)
	err := s.store.Query(ctx, tenant, text, args, func(row Row) error {
		var device, epoch, id string
		var sequence uint64
		if err := row.Scan(&device, &epoch, &sequence, &id); err != nil {
			return err
		}
		if id == "" {
			id = strconv.FormatUint(sequence, 10)
			if _, ok := counts[identity{device, id}]; !ok || epoch != "" {
				id = epoch + "/" + id
			}
		}
		k := identity{device, id}
		if n, ok := counts[k]; ok {
			counts[k] = n + 1
		}
		return nil
	})
	var v Verification
	for _, k := range keys {
		switch counts[identity{k.Device, k.MessageID}] {
		case 0:
			v.Missing++
			if len(v.MissingExamples) < examples {
				v.MissingExamples = append(v.MissingExamples, k)
			}
		case 1:
			v.Stored++
		default:
			v.Stored++
			v.Duplicate++
			if len(v.DuplicateExamples) < examples {
				v.DuplicateExamples = append(v.DuplicateExamples, k)
			}
		}
	}
	return v, err
}
