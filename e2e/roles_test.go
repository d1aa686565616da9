package e2e

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/millwright-io/millwright/e2e/stack"
	devicev1 "github.com/millwright-io/millwright/proto/gen/millwright/device/v1"
	facilityv1 "github.com/millwright-io/millwright/proto/gen/millwright/facility/v1"
	keyv1 "github.com/millwright-io/millwright/proto/gen/millwright/key/v1"
	telemetryv1 "github.com/millwright-io/millwright/proto/gen/millwright/telemetry/v1"
	tenantv1 "github.com/millwright-io/millwright/proto/gen/millwright/tenant/v1"
)

// enforceRoles makes a key of each role and tries a read, a device change, and a change of keys.
func enforceRoles(t *testing.T, s *stack.Stack) {
	ctx := context.Background()
	newDevice(t, s, "ruled")
	cases := []struct {
		role                 tenantv1.Role
		read, devices, admin bool
	}{
		{tenantv1.Role_ROLE_ADMIN, true, true, true},
		{tenantv1.Role_ROLE_OPERATOR, true, true, false},
		{tenantv1.Role_ROLE_VIEWER, true, false, false},
	}
	for _, c := range cases {
		t.Run(c.role.String(), func(t *testing.T) {
			key, err := s.Keys(s.Demo.APIKey).Create(ctx, &keyv1.CreateRequest{Name: c.role.String(), Role: c.role})
			if err != nil {
				t.Fatal(err)
			}
			_, err = s.Devices(key.Secret).List(ctx, &devicev1.ListRequest{})
			allowed(t, "list devices", err, c.read)
			_, err = s.Devices(key.Secret).Suspend(ctx, &devicev1.SuspendRequest{DeviceId: "ruled"})
			allowed(t, "suspend a device", err, c.devices)
			_, err = s.Keys(key.Secret).List(ctx, &keyv1.ListRequest{})
			allowed(t, "list keys", err, c.admin)
			if _, err := s.Keys(s.Demo.APIKey).Revoke(ctx, &keyv1.RevokeRequest{KeyId: key.Key.KeyId}); err != nil {
				t.Fatal(err)
			}
			_, err = s.Devices(key.Secret).List(ctx, &devicev1.ListRequest{})
			if connect.CodeOf(err) != connect.CodeUnauthenticated {
				t.Errorf("a revoked key: %v", err)
			}
		})
	}
	_, err := s.Keys(s.Demo.APIKey).Create(ctx, &keyv1.CreateRequest{Name: "more than mine", Role: tenantv1.Role_ROLE_OWNER})
	if connect.CodeOf(err) != connect.CodePermissionDenied {
		t.Errorf("an admin's key made an owner's: %v", err)
	}
}

func allowed(t *testing.T, what string, err error, want bool) {
	t.Helper()
	if want && err != nil {
		t.Errorf("%s: %v", what, err)
	}
	if !want && connect.CodeOf(err) != connect.CodePermissionDenied {
		t.Errorf("%s was not refused: %v", what, err)
	}
}

// followRenamedFacility confines a key to a facility, renames that, and asks the cell with the key before and after.
func followRenamedFacility(t *testing.T, s *stack.Stack) {
	ctx := context.Background()
	for device, facility := range map[string]string{"in_hall": "hall", "in_yard": "yard"} {
		dir := filepath.Join(t.TempDir(), device)
		s.Run(t, "device", "create", device, "--type", "temperature_sensor", "--facility", facility, "--out", dir)
		publishCurl(t, s, dir, `{"measurements":{"temperature":1}}`)
	}
	confined := func(facility string) (sees func() error) {
		key, err := s.Keys(s.Demo.APIKey).Create(ctx, &keyv1.CreateRequest{Name: facility, Role: tenantv1.Role_ROLE_VIEWER, Facilities: []string{facility}})
		if err != nil {
			t.Fatal(err)
		}
		return func() error {
			res, err := s.Telemetry(key.Secret).Latest(ctx, &telemetryv1.LatestRequest{})
			if err == nil && (len(res.Devices) != 1 || res.Devices[0].DeviceId != "in_hall") {
				err = fmt.Errorf("the key sees %v", res.Devices)
			}
			return err
		}
	}
	before := confined("hall")
	stack.Eventually(t, 20*time.Second, "the key sees the hall", before)
	places, err := s.Places(s.Demo.APIKey).List(ctx, &facilityv1.ListRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range places.Places {
		if p.Name != "hall" {
			continue
		}
		if _, err := s.Places(s.Demo.APIKey).Update(ctx, &facilityv1.UpdateRequest{PlaceId: p.PlaceId, Version: p.Version, Name: "great hall"}); err != nil {
			t.Fatal(err)
		}
	}
	stack.Eventually(t, 20*time.Second, "the cell knows the device by its new place", confined("great hall"))
	stack.Eventually(t, 20*time.Second, "the key from before still sees it", before)
}
