module github.com/millwright-io/millwright/billing

go 1.26.0

replace (
	github.com/millwright-io/millwright/tenancy => ../tenancy
	github.com/millwright-io/millwright/proto => ../proto
	github.com/millwright-io/millwright/migrations => ../migrations
)
