package gateway

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/catalog"
	"github.com/millwright-io/millwright/dataplane/internal/deadletter"
	"github.com/millwright-io/millwright/dataplane/internal/frame"
	"github.com/millwright-io/millwright/dataplane/internal/telemetry"
	"github.com/millwright-io/millwright/tenancy"
)

const (
	protocolReplay = "replay"
	// resendWait is how long a replay waits for its tenant's rate.
	resendWait = 2 * time.Second
)

// Resender is the way of dead letters that are replayed: decoded, admitted and stored as what devices send. It is a
// deadletter.Way.
type Resender struct{ *Gateway }

// resends says whether a device's messages may be sent again, and for whom.
func (r Resender) resends(tenant tenancy.ID, device string) (catalog.Tenant, error) {
	t, known := r.Catalog.Tenant(tenant)
	d, exists := r.Catalog.Device(tenant, device)
	switch {
	case !known || t.Suspended:
		return t, barred("tenant_suspended", "organisation %s may not send", tenant)
	case !exists:
		return t, barred("unknown_device", "device %s does not exist any more: discard its letters", device)
	case d.Retired:
		return t, barred("device_retired", "device %s is retired: discard its letters", device)
	case d.Suspended:
		return t, barred("device_suspended", "device %s is suspended: resume it first", device)
	}
	return t, nil
}

// Decode implements deadletter.Way.
func (r Resender) Decode(tenant tenancy.ID, device string, received int64, payload []byte) (telemetry.Result, error) {
	t, err := r.resends(tenant, device)
	if err != nil {
		return telemetry.Result{}, err
	}
	decoder := r.decoders.take(0)
	defer r.decoders.give(0, decoder)
	return deadletter.Own(decoder.Decode(telemetry.Source{
		Tenant: tenant, Device: device, Received: received, Horizon: t.Limits.Horizon,
	}, payload)), nil
}

// Send implements deadletter.Way.
func (r Resender) Send(ctx context.Context, tenant tenancy.ID, letters []deadletter.Sent) []error {
	ctx, cancel := context.WithTimeout(ctx, r.cfg.HTTPWait+resendWait)
	defer cancel()
	errs := make([]error, len(letters))
	waits := make([]*receipt, len(letters))
	for i, l := range letters {
		if errs[i] = r.one(ctx, tenant, l, i, waits); errs[i] == nil || errors.Is(errs[i], tenancy.ErrForbidden) {
			continue
		}
		for j := i + 1; j < len(letters); j++ {
			errs[j] = errs[i] // what is in short supply for one is so for the next
		}
		break
	}
	for i, wait := range waits {
		if wait == nil {
			continue
		}
		select {
		case errs[i] = <-wait.done:
		case <-ctx.Done():
			errs[i] = fmt.Errorf("the log has not answered in time: %w", tenancy.ErrUnavailable)
		}
	}
	return errs
}

// one hands a letter on; its receipt tells when it is durable.
func (r Resender) one(ctx context.Context, tenant tenancy.ID, l deadletter.Sent, i int, waits []*receipt) error {
	if _, err := r.resends(tenant, l.Device); err != nil {
		return err
	}
	pause, err := r.Limiter.ReserveN(tenant, l.Device, len(l.Events), resendWait)
	if err != nil {
		return err
	}
	select {
	case <-time.After(pause):
	case <-ctx.Done():
		return fmt.Errorf("wait for the organisation's rate: %w", tenancy.ErrUnavailable)
	}
	wait := &receipt{done: make(chan error, 1)}
	if err := r.Publisher.Append(ctx, frame.Partition(tenant, l.Device, r.Publisher.Partitions()), l.Events, wait, 0); err != nil {
		return err
	}
	waits[i] = wait
	r.Metrics.accepted.WithLabelValues(protocolReplay).Add(float64(len(l.Events)))
	return nil
}
