package catalog

import (
	"crypto/sha256"
	"testing"
	"time"

	"github.com/millwright-io/millwright/tenancy"
)

func TestAKeyIsFoundByItsWholeSecret(t *testing.T) {
	t.Parallel()
	c := New()
	_, secret := tenancy.NewKey()
	id, _, err := tenancy.ParseKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(secret))
	newer := tenancy.NewSecret(id)
	newest := sha256.Sum256([]byte(newer))
	c.SetKey(Key{Tenant: "a", ID: id, Secrets: []Secret{{Number: 2, Hash: newest[:]}, {Number: 1, Hash: sum[:]}}, Role: tenancy.RoleViewer})
	for text, number := range map[string]int{secret: 1, newer: 2} {
		if k, s, ok := c.PresentedKey(text); !ok || k.Tenant != "a" || s.Number != number {
			t.Errorf("the key was not found: %v", k)
		}
	}
	for _, wrong := range []string{"", "mw_", "mw_" + id, "mw_" + id + "_x", secret + "x", secret[3:]} {
		if _, _, ok := c.PresentedKey(wrong); ok {
			t.Errorf("%q was taken for a key", wrong)
		}
	}
	c.RemoveKey(id)
	if _, _, ok := c.PresentedKey(secret); ok {
		t.Error("a removed key is still known")
	}
}

func TestAwaitDevice(t *testing.T) {
	t.Parallel()
	c := New()
	if c.AwaitDevice("a", "press", "") {
		t.Error("a device that never comes was found")
	}
	arrived := make(chan bool, 1)
	go func() { arrived <- c.AwaitDevice("a", "press", "01") }()
	c.SetDevice(Device{Tenant: "b", ID: "press", Certificates: map[string]Certificate{"01": {}}})
	c.SetDevice(Device{Tenant: "a", ID: "press"})
	c.SetDevice(Device{Tenant: "a", ID: "press", Certificates: map[string]Certificate{"01": {}}})
	select {
	case ok := <-arrived:
		if !ok {
			t.Error("the device came and was not found")
		}
	case <-time.After(5 * time.Second):
		t.Error("nobody was told that the device came")
	}
}

func TestPruneForgetsWhatIsGone(t *testing.T) {
	t.Parallel()
	c := New()
	for _, id := range []tenancy.ID{"kept", "gone"} {
		c.SetTenant(Tenant{ID: id})
		c.SetDevice(Device{Tenant: id, ID: "press"})
		c.SetGroup(Group{Tenant: id, ID: "presses"})
		c.SetKey(Key{Tenant: id, ID: "key_" + string(id)})
		c.SetVerifier(string(id), []byte{1}, false)
		c.SetMember(Member{Tenant: id, ID: "bob"})
		c.SetRole(id, "lead", []tenancy.Action{tenancy.ActionTenantRead})
	}
	heard := map[Change]bool{}
	c.OnChange(func(change Change) { heard[change] = true })
	c.Prune(Retain{
		Tenant:   func(id tenancy.ID) bool { return id == "kept" },
		Device:   func(id tenancy.ID, _ string) bool { return id == "kept" },
		Group:    func(id tenancy.ID, _ string) bool { return id == "kept" },
		Key:      func(id tenancy.ID, _ string) bool { return id == "kept" },
		Member:   func(id tenancy.ID, _ string) bool { return id == "kept" },
		Role:     func(id tenancy.ID, _ string) bool { return id == "kept" },
		Verifier: func(id string) bool { return id == "kept" },
	})
	if !heard[Change{Tenant: "gone"}] || !heard[Change{Tenant: "gone", Device: "press"}] || !heard[Change{Tenant: "gone", Group: "presses"}] || len(heard) != 3 {
		t.Errorf("heard %v", heard)
	}
	if len(c.tenants) != 1 || len(c.devices) != 1 || len(c.groups) != 1 || len(c.keys) != 1 || len(c.verifiers) != 1 || len(c.members) != 1 || len(c.roles) != 1 {
		t.Errorf("left: %d tenants, %d devices, %d keys, %d verifiers, %d members, %d roles", len(c.tenants), len(c.devices), len(c.keys), len(c.verifiers), len(c.members), len(c.roles))
	}
}
