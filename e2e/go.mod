module github.com/millwright-io/millwright/e2e

go 1.26.0

replace (
	github.com/millwright-io/millwright/proto => ../proto
	github.com/millwright-io/millwright/migrations => ../migrations
)
