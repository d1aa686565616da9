package telemetry

import "github.com/millwright-io/millwright/tenancy"

// DeadLetter is a message that could not be understood, kept as it came.
type DeadLetter struct {
	Tenant tenancy.ID
	Device string
	// Received is in Unix nanoseconds.
	Received int64
	Reason   Reason
	Detail   string
	Payload  []byte
	// Protocol is mqtt, mqtt_websocket, nats or http.
	Protocol string
}
