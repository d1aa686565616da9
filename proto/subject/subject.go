// Package subject names every stream, subject, bucket and key that the planes meet on in NATS. Anything that talks to
// NATS imports it; it imports nothing of ours.
package subject

import (
	"fmt"
	"strings"
)

// Streams and subjects that every cell and the control plane share.
const (
	// UsageStream carries usagev1.Totals from cells to the ledger.
	UsageStream = "USAGE"
	// ReportStream carries catalogv1.CellReport from cells to the control plane.
	ReportStream = "REPORT"
	// LimitStream carries limitv1.Totals from cells to the control plane.
	LimitStream = "LIMIT"
)

// Usage is where a cell publishes totals.
func Usage(cell string) string { return "usage." + cell }

// Report is where a cell publishes reports.
func Report(cell string) string { return "report." + cell }

// Heartbeat is where a cell says how it fares, without a stream behind it: an old heartbeat is worth nothing.
func Heartbeat(cell string) string { return "heartbeat." + cell }

// HeartbeatAll matches every cell's heartbeats.
const HeartbeatAll = "heartbeat.*"

// Limit is where a cell publishes how its limits were used.
func Limit(cell string) string { return "limit." + cell }

// Share is where the processes of a cell tell each other what they admitted. Nothing is kept of it.
func Share(cell string) string { return "share." + cell }

// Figures is where a cell's processes are asked how events fare in them.
func Figures(cell string) string { return "figures." + cell }

// DayBucket is the KV bucket of what each tenant sent today, one key a tenant.
func DayBucket(cell string) string { return "days_" + cell }

// UsageAll, ReportAll and LimitAll match every cell's subject.
const (
	UsageAll  = "usage.*"
	ReportAll = "report.*"
	LimitAll  = "limit.*"
)

// IngestStream is the cell's log of frames.
func IngestStream(cell string) string { return "INGEST_" + cell }

// Ingest is one partition's log.
func Ingest(cell string, partition int) string { return fmt.Sprintf("ingest.%s.%d", cell, partition) }

// IngestAll matches every partition of a cell.
func IngestAll(cell string) string { return "ingest." + cell + ".*" }

// DeadLetterStream keeps messages that could not be understood until they are in the tenant's store.
func DeadLetterStream(cell string) string { return "DEADLETTER_" + cell }

// DeadLetter is where the gateway publishes one tenant's dead letters.
func DeadLetter(cell, tenant string) string { return "deadletter." + cell + "." + tenant }

// DeadLetterAll matches every tenant's dead letters of a cell.
func DeadLetterAll(cell string) string { return "deadletter." + cell + ".*" }

// CatalogBucket is the KV bucket of a cell's catalog.
func CatalogBucket(cell string) string { return "catalog_" + cell }

// OwnerBucket is the KV bucket in which the processes of a cell divide its partitions: one key a partition (see CommitKey) and one
// a process (see MemberProcessKey).
func OwnerBucket(cell string) string { return "owners_" + cell }

// MemberProcessKey is a process's key in the owner bucket.
func MemberProcessKey(process string) string { return "process." + process }

// Watched is where a process of a cell says which devices its live sessions watch. Nothing is kept of it.
func Watched(cell string) string { return "watched." + cell }

// Live is where a process of a cell receives the events that its live sessions watch. Nothing is kept of it.
func Live(cell, process string) string { return "live." + cell + "." + process }

// CommitBucket is the KV bucket of a cell's commit ranges, one key a partition (see CommitKey).
func CommitBucket(cell string) string { return "commits_" + cell }

// CommitKey is a partition's key in the commit bucket.
func CommitKey(partition int) string { return fmt.Sprintf("partition.%d", partition) }

// PartitionsKey is the key in the commit bucket of how many partitions there are.
const PartitionsKey = "partitions"

// CheckpointBucket is the object store of a cell's checkpoints, one object a partition (see CommitKey).
func CheckpointBucket(cell string) string { return "checkpoints_" + cell }

// Kind is the first word of a catalog key.
type Kind string

// The kinds of catalog entries.
const (
	KindTenant   Kind = "tenant"
	KindDevice   Kind = "device"
	KindType     Kind = "type"
	KindKey      Kind = "key"
	KindGroup    Kind = "group"
	KindMember   Kind = "member"
	KindRole     Kind = "role"
	KindVerifier Kind = "verifier"
)

// TenantKey is a tenant's key in a catalog bucket.
func TenantKey(tenant string) string { return string(KindTenant) + "." + tenant }

// DeviceKey is a device's key in a catalog bucket.
func DeviceKey(tenant, device string) string {
	return string(KindDevice) + "." + tenant + "." + device
}

// TypeKey is a device type's key in a catalog bucket.
func TypeKey(tenant, deviceType string) string {
	return string(KindType) + "." + tenant + "." + deviceType
}

// APIKeyKey is an API key's key in a catalog bucket.
func APIKeyKey(tenant, key string) string { return string(KindKey) + "." + tenant + "." + key }

// GroupKey is a group's key in a catalog bucket.
func GroupKey(tenant, group string) string { return string(KindGroup) + "." + tenant + "." + group }

// MemberKey is a member's key in a catalog bucket.
func MemberKey(tenant, person string) string { return string(KindMember) + "." + tenant + "." + person }

// RoleKey is the key of a role of a tenant's own in a catalog bucket.
func RoleKey(tenant, role string) string { return string(KindRole) + "." + tenant + "." + role }

// VerifierKey is the key of a public signing key in a catalog bucket.
func VerifierKey(id string) string { return string(KindVerifier) + "." + id }

// CatalogOf matches every key of a tenant in a catalog bucket, of whatever kind.
func CatalogOf(tenant string) []string { return []string{"*." + tenant, "*." + tenant + ".>"} }

// ParseCatalogKey splits a catalog key into its kind and the one or two names after it.
func ParseCatalogKey(key string) (kind Kind, names []string, ok bool) {
	parts := strings.Split(key, ".")
	want := map[Kind]int{KindTenant: 2, KindDevice: 3, KindType: 3, KindKey: 3, KindGroup: 3, KindMember: 3, KindRole: 3, KindVerifier: 2}
	kind = Kind(parts[0])
	if want[kind] == 0 || want[kind] != len(parts) {
		return "", nil, false
	}
	for _, name := range parts[1:] {
		if name == "" {
			return "", nil, false
		}
	}
	return kind, parts[1:], true
}
