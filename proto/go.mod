module github.com/millwright-io/millwright/proto

go 1.26.0
