package catalog

import (
	"time"

	"github.com/millwright-io/millwright/tenancy"
)

// Patience is how long a caller waits for news of a device that was made a moment ago: the control plane answers its
// maker before every cell has heard of it.
const Patience = 500 * time.Millisecond

// AwaitDevice returns when the catalog knows the device and, unless it is empty, the certificate's serial; or false after
// Patience. Ask it only for callers whose credential is verified: a stranger must not keep a goroutine busy.
func (c *Catalog) AwaitDevice(tenant tenancy.ID, device, serial string) bool {
	known := func() bool {
		d, ok := c.Device(tenant, device)
		if ok && serial != "" {
			_, ok = d.Certificates[serial]
		}
		return ok
	}
	if known() {
		return true
	}
	news := make(chan struct{}, 1)
	cancel := c.OnChange(func(change Change) {
		if change.Tenant != tenant || change.Device != device {
			return
		}
		select {
		case news <- struct{}{}:
		default:
		}
	})
	defer cancel()
	late := time.NewTimer(Patience)
	defer late.Stop()
	for !known() {
		select {
		case <-news:
		case <-late.C:
			return known()
		}
	}
	return true
}
