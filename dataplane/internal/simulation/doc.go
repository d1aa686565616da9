// Package simulation runs whole cells in virtual time against a log and a store that fail as planned, and holds what is
// stored in the end against what the devices were told. Only tests are in it, and nothing may import it.
//
// # What is real and what is not
//
// Real: the publisher that groups events into frames, frames and their decoder, the log's reader, commit ranges and their
// fence, checkpoints, the engine, the runner, the inserter, the trimming of the log. Simulated: the JetStream server behind the
// nats.go interfaces (package jetstream is the caller), the store behind commit.Store, the devices, and the clock, which is that of a
// testing/synctest bubble: an hour of waiting costs nothing.
//
// # Why a seed repeats
//
// A seed makes a plan: devices, what they send and when, and a list of faults. A fault names a call ("the third checkpoint of
// partition 0") or a time, and what happens then. Every call to a server takes a time of its own, computed from the seed, the
// kind of call and its number, and no two calls end at the same instant, so that one goroutine at a time has something to do; where several
// are woken at once (a crash) their calls have no effect any more. TestTheSameSeedIsTheSameRun holds that.
//
// # What must hold
//
// An event whose sender was told "stored" is a row exactly once, or a dead letter exactly once. Nothing is stored twice and nothing
// that nobody sent. Windows merged as a reader merges them equal a recomputation of the stored rows. The ledger's totals equal the rows by
// tenant and hour, dead letters included. Nothing stays put aside or unwritten. All of it within minutes after the last fault is over.
//
// # When a seed fails
//
// The test prints the seed, then takes faults and devices' messages away as long as it still fails, and prints what is left as one command.
package simulation
