package controlplane_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/millwright-io/millwright/controlplane"
	devicev1 "github.com/millwright-io/millwright/proto/gen/millwright/device/v1"
	tenantv1 "github.com/millwright-io/millwright/proto/gen/millwright/tenant/v1"
)

func TestTheKeyEncryptionKeyIsReplacedWithoutLoss(t *testing.T) {
	t.Parallel()
	s := setup(t)
	_, key := s.found(t, "ada", tenantv1.Role_ROLE_OWNER)
	issue := func(device string) {
		t.Helper()
		if _, err := s.devices(key).Create(t.Context(), &devicev1.CreateRequest{DeviceId: device, DeviceType: "press"}); err != nil {
			t.Fatal(err)
		}
	}
	issue("before")
	if err := controlplane.RotateKEK(s.cfg.KEKFile); err != nil {
		t.Fatal(err)
	}
	s.stop()
	s.start(t)
	issue("with_both")
	n, err := controlplane.Reseal(t.Context(), s.cfg.PostgresDSNFile, s.cfg.KEKFile, true)
	if err != nil || n < 3 {
		t.Fatalf("%d values changed, %v; want the root, the token key and the intermediate", n, err)
	}
	s.stop()
	s.start(t)
	issue("with_the_new_one")
	if n, err := controlplane.Reseal(t.Context(), s.cfg.PostgresDSNFile, s.cfg.KEKFile, false); err != nil || n != 0 {
		t.Errorf("a second time: %d values changed, %v", n, err)
	}
	s.stop()
	other := s.cfg
	other.KEKFile += "-other"
	if _, err := controlplane.New(context.Background(), other, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "is not in the key file") {
		t.Errorf("with another key: %v", err)
	}
}
