module github.com/millwright-io/millwright/deploy

go 1.26.0

replace (
	github.com/millwright-io/millwright/controlplane => ../controlplane
	github.com/millwright-io/millwright/dataplane => ../dataplane
	github.com/millwright-io/millwright/billing => ../billing
	github.com/millwright-io/millwright/tenancy => ../tenancy
	github.com/millwright-io/millwright/migrations => ../migrations
	github.com/millwright-io/millwright/proto => ../proto
)
