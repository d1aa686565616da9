package engine

import (
	"fmt"

	"github.com/millwright-io/millwright/dataplane/internal/telemetry"
	"github.com/millwright-io/millwright/tenancy"
)

// The reasons of dead letters that the engine finds.
const (
	ReasonMeasurementLimit = "measurement_limit"
	ReasonSeriesLimit      = "series_limit"
	ReasonSequenceExpired  = "sequence_expired"
)

const detailSequenceExpired = "the sequence is older than the gaps that are remembered for this device, so whether it is a " +
	"duplicate cannot be told; send with a new epoch"

// overNames is the refusal of an event that brings too many names: of its device, or of all devices of the tenant.
func (s *State) overNames(d *device, reason string) DeadLetterRow {
	if reason == ReasonSeriesLimit {
		current, maximum := d.tenant.series, s.options.TenantSeries[d.tenant.id]
		return DeadLetterRow{
			Reason: reason, Current: current, Maximum: maximum,
			Detail: fmt.Sprintf("%s: the devices of this partition have %d measurements together and this message brings more, the limit is %d; "+
				"send values under fixed names, or ask for a higher limit", tenancy.LimitSeries, current, maximum),
		}
	}
	current, maximum := len(d.names), s.options.measurements(d.tenant.id)
	return DeadLetterRow{
		Reason: ReasonMeasurementLimit, Current: current, Maximum: maximum,
		Detail: fmt.Sprintf("%s: the device has used %d measurement names and this message brings more, the limit is %d; "+
			"send values under fixed names", tenancy.LimitMeasurementsPerDevice, current, maximum),
	}
}

// Outputs collects what follows from a range of frames. A fresh value is ready to use.
type Outputs struct {
	// Through is the sequence of the last frame.
	Through uint64
	// Tenants has one entry a tenant, in order of their first row.
	Tenants []*Rows
	// Frames and Events count what was taken, Duplicates and DeadLetters what of it was not stored as events.
	Frames, Events, Duplicates, DeadLetters int
	// Totals are those of hours that the state forgot: no later call of Usage has them.
	Totals []Total
	// EarlyWindows counts windows written early because a tenant was over its budget of open windows.
	EarlyWindows int
}

// Rows is what is to be stored for one tenant.
type Rows struct {
	Tenant      tenancy.ID
	Events      []EventRow
	Windows     []WindowRow
	DeadLetters []DeadLetterRow
	// Points counts the measurements of Events.
	Points int
}

// EventRow is an event and its place in the log.
type EventRow struct {
	Event    *telemetry.Event
	Sequence uint64
	Index    uint32
}

// WindowRow is the state of one measurement's window. It replaces rows of the same device, measurement, start and
// segment with a lower version.
type WindowRow struct {
	Device      string
	Measurement string
	// Start of the window, Unix seconds.
	Start int64
	// Segment tells apart the periods in which the window was open.
	Segment uint64
	Version uint64
	Summary Summary
}

// DeadLetterRow is an event that was refused and its place in the log.
type DeadLetterRow struct {
	Event    *telemetry.Event
	Sequence uint64
	Index    uint32
	Reason   string
	Detail   string
	// Current and Maximum are those of the limit that refused it, if one did.
	Current, Maximum int
}

func (o *Outputs) add(tenant tenancy.ID) *Rows {
	r := &Rows{Tenant: tenant}
	o.Tenants = append(o.Tenants, r)
	return r
}

// Empty says whether there is nothing to store.
func (o *Outputs) Empty() bool {
	for _, r := range o.Tenants {
		if len(r.Events)+len(r.Windows)+len(r.DeadLetters) > 0 {
			return false
		}
	}
	return true
}
