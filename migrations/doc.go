// Package migrations holds what the stores look like: the streams and buckets of NATS JetStream, the tables of a
// tenant's ClickHouse database, and (in postgres.go) the schema of the control plane. Every module may import it.
package migrations
