// Package timing times the stages of an event's way through the cell, as one histogram with a label that names the stage. There
// is no label of a tenant: a cell has hundreds of them. The composition root makes it; every stage may import it.
package timing

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Stage is a part of the way.
type Stage int

// The stages, in the order of the way in, then those of reading.
const (
	// Accept is from a TCP connection to an MQTT session, or to a refusal.
	Accept Stage = iota
	// Decode is one message's payload; a session times one message of every Sample.
	Decode
	// Admit is one message's turn at the rates, the time that it is held back included; timed as Decode is.
	Admit
	// Frame is how long the oldest message of a frame waits for the frame to be closed.
	Frame
	// Publish is from a frame's closing to its acknowledgement by the log, retries included.
	Publish
	// Consume is from the log's time of a frame to its being taken from it.
	Consume
	// Step is one frame in the engine.
	Step
	// Insert is one try to insert one table's rows of one tenant.
	Insert
	// Commit is from the log's time of a range's oldest frame to the range's rows being stored.
	Commit
	// Query is one statement in the store for somebody who reads.
	Query
	// Live is from the receipt of an event to its being handed to those who watch its device.
	Live
	stages
)

// Names are the values of the label, in order.
var Names = [stages]string{"accept", "decode", "admit", "frame", "publish", "consume", "step", "insert", "commit", "query", "live"}

// Sample is one in how many messages of a session is timed where looking at the clock costs a part of what is measured.
const Sample = 16

// Times are the figures. It is safe for concurrent use; a nil one keeps none.
type Times struct{ of [stages]prometheus.Observer }

// New registers the figures; every stage is there from the start.
func New(registerer prometheus.Registerer) (*Times, error) {
	vector := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: "millwright", Subsystem: "stage", Name: "seconds", Help: "How long each stage of an event's way took.",
		// From 5 µs, a small payload's decoding, to 20 s, a store that has trouble: the smaller factor is not worth its series.
		Buckets: prometheus.ExponentialBuckets(5e-6, 2.5, 18),
	}, []string{"stage"})
	if err := registerer.Register(vector); err != nil {
		return nil, err
	}
	t := &Times{}
	for i, name := range Names {
		t.of[i] = vector.WithLabelValues(name)
	}
	return t, nil
}

// Took notes how long one turn of a stage took.
func (t *Times) Took(s Stage, d time.Duration) {
	if t != nil {
		t.of[s].Observe(d.Seconds())
	}
}
