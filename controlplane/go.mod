module github.com/millwright-io/millwright/controlplane

go 1.26.0

require (
	connectrpc.com/connect v1.21.1
	github.com/jackc/pgx/v5 v5.12.0
	github.com/millwright-io/millwright/billing v0.0.0
	github.com/millwright-io/millwright/migrations v0.0.0
	github.com/millwright-io/millwright/proto v0.0.0
	github.com/millwright-io/millwright/tenancy v0.0.0
	github.com/nats-io/nats.go v1.55.0
	github.com/prometheus/client_golang v1.25.0
	golang.org/x/sync v0.24.0
	google.golang.org/protobuf v1.36.12
)

replace (
	github.com/millwright-io/millwright/billing => ../billing
	github.com/millwright-io/millwright/migrations => ../migrations
	github.com/millwright-io/millwright/proto => ../proto
	github.com/millwright-io/millwright/tenancy => ../tenancy
)
