package device

import (
	"context"
	"fmt"
	"slices"

	"github.com/millwright-io/millwright/controlplane/internal/audit"
	"github.com/millwright-io/millwright/tenancy"
)

// Gateway is for whom a device speaks.
type Gateway struct {
	Device  string   `json:"device_id"`
	Devices []string `json:"device_ids,omitempty"`
	Groups  []string `json:"group_ids,omitempty"`
	// SpokenForBy are the gateways that may speak for this device.
	SpokenForBy []string `json:"-"`
}

// GatewayStore keeps for whom devices speak.
type GatewayStore interface {
	Gateway(ctx context.Context, id tenancy.ID, device string) (Gateway, error)
	// SetGateway replaces for whom a device speaks; it fails with ErrNotFound for a device or group that is not there. Its
	// audit entry and its outbox row are in the same transaction.
	SetGateway(ctx context.Context, id tenancy.ID, g Gateway, e audit.Entry) error
}

// Gateway tells for whom a device speaks, and who speaks for it.
func (s *Service) Gateway(ctx context.Context, p tenancy.Principal, device string) (Gateway, error) {
	if _, err := s.Get(ctx, p, device); err != nil {
		return Gateway{}, err
	}
	return s.store.Gateway(ctx, p.Tenant, device)
}

// SetGateway makes a device a gateway for exactly those devices and groups.
func (s *Service) SetGateway(ctx context.Context, p tenancy.Principal, g Gateway) (Gateway, error) {
	if _, err := s.inUse(ctx, p, g.Device); err != nil {
		return Gateway{}, err
	}
	if slices.Contains(g.Devices, g.Device) {
		return Gateway{}, fmt.Errorf("device_ids: device %s speaks for itself already: leave it out: %w", g.Device, tenancy.ErrInvalid)
	}
	if len(p.Facilities) > 0 {
		if len(g.Groups) > 0 {
			return Gateway{}, fmt.Errorf("group_ids: a group may have devices of other facilities than yours: name devices: %w", tenancy.ErrForbidden)
		}
		for _, other := range g.Devices {
			if _, err := s.Get(ctx, p, other); err != nil {
				return Gateway{}, err
			}
		}
	}
	before, err := s.store.Gateway(ctx, p.Tenant, g.Device)
	if err != nil {
		return Gateway{}, err
	}
	if err := s.store.SetGateway(ctx, p.Tenant, g, audit.Of(ctx, p, s.now(), object(g.Device)+"/gateway", g).From(before)); err != nil {
		return Gateway{}, err
	}
	return s.store.Gateway(ctx, p.Tenant, g.Device)
}
