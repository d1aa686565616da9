package up

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/millwright-io/millwright/dataplane"
	"github.com/millwright-io/millwright/deploy/internal/health"
	"github.com/millwright-io/millwright/deploy/internal/supervise"
)

// watchTree is what the health address tells of the parts.
func watchTree(t *tree, s *site, started *atomic.Bool) health.Tree {
	return health.Tree{
		Started: started.Load,
		Checks: func() []health.Check {
			var checks []health.Check
			for _, p := range t.parts() {
				checks = append(checks, health.Check{Name: p.name, Check: p.check})
			}
			return checks
		},
		Sources: func() []health.Source {
			sources := []health.Source{
				{Process: "controlplane", URL: "http://" + loopback(s.ports.controlMetrics) + "/metrics"},
				{Process: "kratos", URL: s.kratos.AdminURL() + "/admin/metrics/prometheus"},
			}
			for _, c := range s.cfg.cells {
				sources = append(sources,
					health.Source{Process: c.called("cell"), URL: "http://" + loopback(c.metricsPort) + "/metrics"},
					health.Source{Process: c.called("gateway"), URL: "http://" + loopback(c.gatewayMetricsPort) + "/metrics"})
			}
			return sources
		},
		Own: func(ctx context.Context, m *health.Metrics) { ownMetrics(ctx, t, s, started.Load(), m) },
	}
}

// ownMetrics adds what only the supervisor knows.
func ownMetrics(ctx context.Context, t *tree, s *site, started bool, m *health.Metrics) {
	for _, p := range t.parts() {
		ready := 0.0
		if p.check(ctx) == nil {
			ready = 1
		}
		m.Add("millwright_part_ready", "gauge", "Whether a part of the product serves.", ready, "part", p.name)
		if p.child == nil {
			continue
		}
		status := p.child.Status()
		m.Add("millwright_part_restarts_total", "counter", "Restarts of a child process.", float64(status.Restarts), "part", p.name)
		if bytes, err := resident(status); err == nil {
			m.Add("millwright_part_resident_bytes", "gauge", "Resident memory of a child process, its own children left out.", float64(bytes), "part", p.name)
		}
	}
	if started {
		natsMetrics(s, m)
	}
	if free, err := dataplane.FreeSpace(s.dir.path); err == nil {
		m.Add("millwright_data_free_bytes", "gauge", "Free space on the disk of the data directory.", float64(free))
	}
}

// natsMetrics is called once everything has started.
func natsMetrics(s *site, m *health.Metrics) {
	if totals, err := s.nats.Totals(); err == nil {
		m.Add("millwright_nats_connections", "gauge", "Clients of the log's server.", float64(totals.Connections))
		m.Add("millwright_nats_messages_in_total", "counter", "Messages taken in.", float64(totals.MessagesIn))
		m.Add("millwright_nats_bytes_in_total", "counter", "Bytes taken in.", float64(totals.BytesIn))
		m.Add("millwright_nats_stored_messages", "gauge", "Messages in all streams.", float64(totals.StoredMessages))
		m.Add("millwright_nats_stored_bytes", "gauge", "Bytes in all streams.", float64(totals.StoredBytes))
		m.Add("millwright_nats_slow_consumers_total", "counter", "Clients cut off for reading too slowly.", float64(totals.SlowConsumers))
	}
}

func resident(status supervise.Status) (int64, error) {
	if status.Pid == 0 {
		return 0, os.ErrProcessDone
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", status.Pid))
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(text) {
		if rest, ok := strings.CutPrefix(string(line), "VmRSS:"); ok {
			kilobytes, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			return kilobytes << 10, err
		}
	}
	return 0, os.ErrNotExist
}
