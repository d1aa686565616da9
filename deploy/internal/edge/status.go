package edge

import (
	"context"
	"time"

	"github.com/millwright-io/millwright/deploy/internal/health"
)

// status is what /readyz and /metrics say. An edge without its cell is ready: that is what it is for.
func status(kept *store, up *uplink, fleet *fleet, n *counts) health.Tree {
	return health.Tree{
		Started: func() bool { return true },
		Checks: func() []health.Check {
			return []health.Check{{Name: "store", Check: func(context.Context) error {
				_, err := kept.state()
				return err
			}}}
		},
		Sources: func() []health.Source { return nil },
		Own: func(_ context.Context, m *health.Metrics) {
			connected := 0.0
			if up.state() == nil {
				connected = 1
			}
			m.Add("millwright_edge_uplink_up", "gauge", "Whether there is a connection to the cell.", connected)
			m.Add("millwright_edge_devices_held", "gauge", "Devices whose messages the cell does not take now; the log says why.", float64(len(fleet.held())))
			for _, c := range []struct {
				name, help string
				value      uint64
			}{
				{"taken", "Messages stored and acknowledged to a device.", n.taken.Load()},
				{"turned_away", "Messages that were not taken, each sender of QoS 1 was told.", n.turnedAway.Load()},
				{"forwarded", "Messages that the cell has.", n.forwarded.Load()},
				{"dead_letters", "Messages that the cell has as dead letters, whole or in part.", n.letters.Load()},
				{"put_aside", "Messages too large for the cell, kept on the disk.", n.aside.Load()},
				{"refused", "Refusals of the cell that asked to come again.", n.refused.Load()},
			} {
				m.Add("millwright_edge_messages_"+c.name+"_total", "counter", c.help, float64(c.value))
			}
			state, err := kept.state()
			if err != nil {
				return
			}
			m.Add("millwright_edge_store_messages", "gauge", "Messages on the disk.", float64(state.Msgs))
			m.Add("millwright_edge_store_bytes", "gauge", "Their size on the disk.", float64(state.Bytes))
			age := 0.0
			if state.Msgs > 0 {
				age = time.Since(state.FirstTime).Seconds()
			}
			m.Add("millwright_edge_store_oldest_seconds", "gauge", "Age of the oldest message on the disk.", age)
		},
	}
}
