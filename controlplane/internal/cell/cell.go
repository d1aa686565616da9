// Package cell is the noun of a data plane as the control plane knows it: where it is, how it fares, and whether it takes
// new tenants. rpc, postgres and nats import it; it imports no vendor and no generated code.
package cell

// Cell is one data plane.
type Cell struct {
	Name   string
	Region string
	Addresses
}

// Addresses are those at which a cell's users reach it.
type Addresses struct {
	URL, IngestURL, MQTTAddress, MQTTWebSocketURL string
}
