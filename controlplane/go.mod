module github.com/millwright-io/millwright/controlplane

go 1.26.0

replace (
	github.com/millwright-io/millwright/billing => ../billing
	github.com/millwright-io/millwright/tenancy => ../tenancy
	github.com/millwright-io/millwright/proto => ../proto
	github.com/millwright-io/millwright/migrations => ../migrations
)
