package billing

import "slices"

// Meter is what is counted.
type Meter string

// The meters; Definitions says what each is.
const (
	MeterEvents         Meter = "events"
	MeterPoints         Meter = "points"
	MeterDuplicates     Meter = "duplicates"
	MeterDeadLetters    Meter = "dead_letters"
	MeterBytes          Meter = "bytes"
	MeterAccepted       Meter = "accepted"
	MeterDeviceHours    Meter = "device_hours"
	MeterStorageRaw     Meter = "storage_raw"
	MeterStorageMinutes Meter = "storage_minutes"
	MeterStorageHours   Meter = "storage_hours"
	MeterAPIRequests    Meter = "api_requests"
	MeterQuerySeconds   Meter = "query_seconds"
	MeterLiveMinutes    Meter = "live_minutes"
	MeterEngineSeconds  Meter = "engine_seconds"
	MeterStoreSeconds   Meter = "store_seconds"
)

// Proof is what a total can be counted again from.
type Proof string

// The proofs.
const (
	// ProofRows: the tenant's stored events.
	ProofRows Proof = "rows"
	// ProofLetters: the tenant's dead letters, and the places of those that were removed.
	ProofLetters Proof = "dead letters"
	// ProofSum: other meters of the same hour and partition.
	ProofSum Proof = "sum"
	// ProofNone: the count is the only trace; the ledger's totals are where its chain ends.
	ProofNone Proof = "none"
)

// Definition says what a meter is. docs/billing.md has the same table; a test compares them.
type Definition struct {
	Meter Meter
	// What is counted, and where.
	What, Where string
	// Unit is what people read, Per how many of the counted units make one.
	Unit string
	Per  uint64
	// Rounding is how a total becomes whole, and by how much it may fall short.
	Rounding string
	Proof    Proof
	// Internal: it is our own cost, never billed and not shown to the tenant.
	Internal bool
}

const (
	gigabyte   = 1_000_000_000
	exact      = "none, exact"
	storage    = "bytes on disk at the hour's sample × 1 h; an hour without a sample counts nothing"
	inProcess  = "down to the ms by process and hour; a crash loses at most its last 30 s"
	onceAnHour = "cell, once an hour, by the process that works for all"
)

// definitions are in the order in which people read them.
var definitions = []Definition{
	{MeterEvents, "messages that were stored, each once however often it was sent", "engine, in the commit that stores them", "event", 1, exact, ProofRows, false},
	{MeterPoints, "measurements in them", "engine, in the same commit", "point", 1, exact, ProofRows, false},
	{MeterDuplicates, "messages that came again", "engine", "event", 1, exact, ProofSum, false},
	{MeterDeadLetters, "messages that were refused as unreadable or invalid", "gateway and engine", "event", 1, exact, ProofLetters, false},
	{MeterBytes, "size of the stored messages as they were sent", "engine, in the same commit", "byte", 1, exact, ProofRows, false},
	{MeterAccepted, "messages taken from the log: events, duplicates and the engine's dead letters together", "engine, before it decides", "event", 1, exact, ProofSum, false},
	{MeterDeviceHours, "devices of which at least one message of the hour was stored", "engine, in the same commit", "device-hour", 1, exact, ProofRows, false},
	{MeterStorageRaw, "events and dead letters kept, as compressed on disk", onceAnHour, "GB-hour", gigabyte, storage, ProofNone, false},
	{MeterStorageMinutes, "minutes kept, as compressed on disk", onceAnHour, "GB-hour", gigabyte, storage, ProofNone, false},
	{MeterStorageHours, "hours kept, as compressed on disk", onceAnHour, "GB-hour", gigabyte, storage, ProofNone, false},
	{MeterAPIRequests, "requests to the cell's API that its limit let through, by whatever protocol", "each process of the cell", "request", 1, "none; a crash loses at most its last 30 s", ProofNone, false},
	{MeterQuerySeconds, "time that the store took to answer the tenant's requests", "each process of the cell", "second", 1000, inProcess, ProofNone, false},
	{MeterLiveMinutes, "time that live sessions were open, each by itself", "each process of the cell, sampled every second", "minute", 60_000, inProcess, ProofNone, false},
	{MeterEngineSeconds, "time that the engine worked, shared by the rows that it made of the tenant's messages", "each process of the cell", "second", 1000, inProcess, ProofNone, true},
	{MeterStoreSeconds, "time that the store took to insert the tenant's rows", "each process of the cell", "second", 1000, inProcess, ProofNone, true},
}

// Definitions are those of all meters, in the order in which people read them.
func Definitions() []Definition { return slices.Clone(definitions) }

// Meters are all of them, in the same order.
func Meters() []Meter {
	list := make([]Meter, len(definitions))
	for i, d := range definitions {
		list[i] = d.Meter
	}
	return list
}

// Definition is what m is; ok is false when there is no such meter.
func (m Meter) Definition() (d Definition, ok bool) {
	i := slices.IndexFunc(definitions, func(d Definition) bool { return d.Meter == m })
	if i < 0 {
		return d, false
	}
	return definitions[i], true
}

// Valid reports whether m is one of the meters.
func (m Meter) Valid() bool {
	_, ok := m.Definition()
	return ok
}
