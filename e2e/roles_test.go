package e2e

import (
	"context"
	"testing"

	"connectrpc.com/connect"

	"github.com/millwright-io/millwright/e2e/stack"
	devicev1 "github.com/millwright-io/millwright/proto/gen/millwright/device/v1"
	keyv1 "github.com/millwright-io/millwright/proto/gen/millwright/key/v1"
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
