module github.com/millwright-io/millwright/migrations

go 1.26.0

replace (
	github.com/millwright-io/millwright/proto => ../proto
)
