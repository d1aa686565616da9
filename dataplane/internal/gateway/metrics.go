package gateway

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/millwright-io/millwright/dataplane/internal/timing"
	"github.com/millwright-io/millwright/dataplane/internal/trace"
)

// Metrics are the gateway's figures. They are also the observer of the publisher's frames.
type Metrics struct {
	connections *prometheus.GaugeVec
	refused     *prometheus.CounterVec
	accepted    *prometheus.CounterVec
	rejected    *prometheus.CounterVec
	bytes       *prometheus.CounterVec
	latency     prometheus.Histogram
	frames      prometheus.Counter
	frameBytes  prometheus.Counter
	frameEvents prometheus.Counter
	framesLost  prometheus.Counter
	stored      atomic.Uint64
	resting     atomic.Int64
	times       *timing.Times
}

// NewMetrics registers the gateway's figures beside those of the stages; it returns the error of a name that is taken.
func NewMetrics(registerer prometheus.Registerer, times *timing.Times) (*Metrics, error) {
	buckets := prometheus.ExponentialBuckets(0.00025, 2, 16)
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "millwright", Subsystem: "gateway", Name: name, Help: help})
	}
	vector := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "millwright", Subsystem: "gateway", Name: name, Help: help}, labels)
	}
	histogram := func(name, help string) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: "millwright", Subsystem: "gateway", Name: name, Help: help, Buckets: buckets})
	}
	m := &Metrics{
		times: times,
		connections: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Namespace: "millwright", Subsystem: "gateway", Name: "connections",
			Help: "Open sessions over MQTT and NATS.",
		}, []string{"protocol"}),
		refused:     vector("connections_refused_total", "Connections and requests refused, by reason.", "protocol", "reason"),
		accepted:    vector("events_accepted_total", "Events handed to the log.", "protocol"),
		rejected:    vector("events_refused_total", "Events refused, by reason.", "protocol", "reason"),
		bytes:       vector("payload_bytes_total", "Bytes of payloads taken.", "protocol"),
		latency:     histogram("ack_seconds", "From reading a QoS 1 message or a request, over HTTP or NATS, to the answer that it is durable."),
		frames:      counter("frames_total", "Frames stored in the log."),
		frameBytes:  counter("frame_bytes_total", "Bytes of the frames stored."),
		frameEvents: counter("frame_events_total", "Events in the frames stored."),
		framesLost:  counter("frames_failed_total", "Frames given up; their senders got no acknowledgement."),
	}
	resting := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: "millwright", Subsystem: "gateway", Name: "connections_resting",
		Help: "MQTT sessions over TLS that are silent and have given their buffers back.",
	}, func() float64 { return float64(m.resting.Load()) })
	for _, c := range []prometheus.Collector{
		resting, m.connections, m.refused, m.accepted, m.rejected, m.bytes, m.latency,
		m.frames, m.frameBytes, m.frameEvents, m.framesLost,
	} {
		if err := registerer.Register(c); err != nil {
			return nil, err
		}
	}
	for _, protocol := range []string{protocolMQTT, protocolWebSocket, protocolNATS, protocolHTTP} { // there from the start, so that a rate can be taken
		m.accepted.WithLabelValues(protocol)
		m.bytes.WithLabelValues(protocol)
		m.rejected.WithLabelValues(protocol, "rate")
		m.refused.WithLabelValues(protocol, "connections")
		if protocol != protocolHTTP {
			m.connections.WithLabelValues(protocol)
		}
	}
	return m, nil
}

// FramePublished counts a stored frame.
func (m *Metrics) FramePublished(events, bytes int, waited, took time.Duration) {
	m.stored.Add(uint64(events)) //nolint:gosec // a count
	m.frames.Inc()
	m.frameEvents.Add(float64(events))
	m.frameBytes.Add(float64(bytes))
	m.times.Took(timing.Frame, waited)
	m.times.Took(timing.Publish, took)
}

// Stored is how many events were made durable since the start.
func (m *Metrics) Stored() uint64 { return m.stored.Load() }

// FrameFailed counts a frame that was given up.
func (m *Metrics) FrameFailed(int) { m.framesLost.Inc() }

// lap ends a stage that began at from, if it is timed or the message is followed, and returns its end.
func (g *Gateway) lap(timed bool, span *trace.Span, of timing.Stage, from time.Time) time.Time {
	if !timed && span == nil {
		return from
	}
	to := g.Now()
	if timed {
		g.Metrics.times.Took(of, to.Sub(from))
	}
	span.Stage(timing.Names[of], from, to)
	return to
}
