package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/millwright-io/millwright/deploy/internal/enrol"
	"github.com/millwright-io/millwright/deploy/internal/rpc"
	keyv1 "github.com/millwright-io/millwright/proto/gen/millwright/key/v1"
	limitv1 "github.com/millwright-io/millwright/proto/gen/millwright/limit/v1"
	tenantv1 "github.com/millwright-io/millwright/proto/gen/millwright/tenant/v1"
)

// activeWithin is how long the cell may take to prepare an organisation's storage.
const activeWithin = time.Minute

// organisation is a tenant that a run founded.
type organisation struct {
	tenant  *tenantv1.Tenant
	key     string
	api     *rpc.Client
	store   access
	devices []enrol.Device
	// credentials are those of the devices, in their order.
	credentials []enrol.Credentials
}

// found makes an organisation of the person's, with a key and devices, as a customer would.
func found(ctx context.Context, server string, person *rpc.Client, name string, devices int) (*organisation, error) {
	made, err := person.Tenants.Create(ctx, &tenantv1.CreateRequest{Name: name})
	if err != nil {
		return nil, fmt.Errorf("found %s: %w", name, rpc.Explain(err))
	}
	id := made.GetTenant().GetTenantId()
	if _, err := person.Tenants.Switch(ctx, &tenantv1.SwitchRequest{TenantId: id}); err != nil {
		return nil, fmt.Errorf("act for %s: %w", name, rpc.Explain(err))
	}
	key, err := person.Keys.Create(ctx, &keyv1.CreateRequest{Name: "bench", Role: tenantv1.Role_ROLE_ADMIN})
	if err != nil {
		return nil, fmt.Errorf("make a key of %s: %w", name, rpc.Explain(err))
	}
	o := &organisation{key: key.GetSecret()}
	if o.api, err = rpc.Dial(server, o.key); err != nil {
		return nil, err
	}
	if err := o.active(ctx, name); err != nil {
		return nil, err
	}
	if err := o.reach(ctx, server); err != nil {
		return nil, err
	}
	for i := range devices {
		o.devices = append(o.devices, enrol.Device{ID: deviceID(i), Type: "temperature_sensor"})
	}
	if o.credentials, err = enrol.All(ctx, o.api.Devices, o.devices); err != nil {
		return nil, fmt.Errorf("register the devices of %s: %w", name, rpc.Explain(err))
	}
	return o, nil
}

func (o *organisation) active(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, activeWithin)
	defer cancel()
	for {
		answer, err := o.api.Tenants.Get(ctx, &tenantv1.GetRequest{})
		if err != nil {
			return fmt.Errorf("look at %s: %w", name, rpc.Explain(err))
		}
		if o.tenant = answer.GetTenant(); o.tenant.GetStatus() == tenantv1.TenantStatus_TENANT_STATUS_ACTIVE {
			return nil
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return fmt.Errorf("the storage of %s was not prepared within %s", name, activeWithin)
		}
	}
}

// reach waits until the cell knows the key, too, and notes where the store is.
func (o *organisation) reach(ctx context.Context, server string) error {
	ctx, cancel := context.WithTimeout(ctx, activeWithin)
	defer cancel()
	t := target{Options: rpc.Options{Server: server, Key: o.key}}
	for {
		err := t.readAccess(ctx)
		if o.store = t.access; err == nil || !rpc.Refused(err) {
			return err
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
}

// limit holds the organisation to the quota, as an operator does.
func (o *organisation) limit(ctx context.Context, operator *rpc.Client, quota map[string]int64) error {
	for name, maximum := range quota {
		req := &limitv1.SetOverrideRequest{TenantId: o.tenant.GetTenantId(), Limit: name, Maximum: maximum, Reason: "measured"}
		if _, err := operator.Limits.SetOverride(ctx, req); err != nil {
			return fmt.Errorf("set %s of %s: %w", name, o.tenant.GetName(), rpc.Explain(err))
		}
	}
	return nil
}
