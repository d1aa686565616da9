package nats

import (
	"slices"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/millwright-io/millwright/proto/subject"
)

// Who may do what. The control plane writes the catalog and reads usage and reports; the cell owns its log, dead letters,
// commits and checkpoints, reads the catalog, and reports usage. Neither can touch the other's streams, so that a taken
// cell cannot rewrite the catalog that says who may connect to it.
func controlPlanePermissions(cells []Cell) *server.Permissions {
	publish := [][]string{manages(subject.UsageStream), manages(subject.ReportStream), manages(subject.LimitStream)}
	for _, c := range cells {
		publish = append(publish, manages("KV_"+subject.CatalogBucket(c.Name)), []string{"$KV." + subject.CatalogBucket(c.Name) + ".>"})
	}
	p := permissions(publish...)
	p.Subscribe.Allow = append(p.Subscribe.Allow, subject.HeartbeatAll)
	return p
}

// answerTime is how long a process may take to answer another.
const answerTime = 2 * time.Second

func cellPermissions(cell string) *server.Permissions {
	allowed := permissions(
		manages(subject.IngestStream(cell)), manages(subject.DeadLetterStream(cell)),
		manages("KV_"+subject.CommitBucket(cell)), manages("KV_"+subject.OwnerBucket(cell)), manages("KV_"+subject.DayBucket(cell)), manages("OBJ_"+subject.CheckpointBucket(cell)),
		reads("KV_"+subject.CatalogBucket(cell)),
		[]string{
			subject.IngestAll(cell), subject.DeadLetterAll(cell), subject.Usage(cell), subject.Report(cell), subject.Heartbeat(cell), subject.Limit(cell), subject.Share(cell),
			subject.Watched(cell), subject.Live(cell, "*"), subject.Figures(cell), "$KV." + subject.OwnerBucket(cell) + ".>",
			"$KV." + subject.CommitBucket(cell) + ".>", "$KV." + subject.DayBucket(cell) + ".>", "$O." + subject.CheckpointBucket(cell) + ".>",
			"$JS.API.STREAM.INFO." + subject.UsageStream, "$JS.API.STREAM.INFO." + subject.ReportStream,
		},
	)
	allowed.Subscribe.Allow = append(allowed.Subscribe.Allow, subject.Share(cell), subject.Watched(cell), subject.Live(cell, "*"), subject.Figures(cell))
	// Its processes answer each other, where and when they are asked.
	allowed.Response = &server.ResponsePermission{MaxMsgs: 1, Expires: answerTime}
	return allowed
}

func permissions(publish ...[]string) *server.Permissions {
	allowed := slices.Concat(append(publish, []string{"$JS.API.INFO", "$JS.API.STREAM.NAMES"})...)
	return &server.Permissions{
		Publish:   &server.SubjectPermission{Allow: allowed},
		Subscribe: &server.SubjectPermission{Allow: []string{"_INBOX.>"}},
	}
}

// reads lists the API subjects with which a stream is looked at and consumed.
func reads(stream string) []string {
	return []string{
		"$JS.API.STREAM.INFO." + stream, "$JS.API.STREAM.MSG.GET." + stream,
		"$JS.API.DIRECT.GET." + stream, "$JS.API.DIRECT.GET." + stream + ".>",
		"$JS.API.CONSUMER.*." + stream, "$JS.API.CONSUMER.*." + stream + ".>",
		"$JS.API.CONSUMER.DURABLE.CREATE." + stream + ".*", "$JS.API.CONSUMER.MSG.NEXT." + stream + ".*",
		"$JS.ACK." + stream + ".>", "$JS.FC." + stream + ".>",
	}
}

// manages lists the API subjects with which a stream is made, changed and consumed.
func manages(stream string) []string {
	return append(reads(stream), "$JS.API.STREAM.*."+stream, "$JS.API.STREAM.MSG.*."+stream)
}
