package warehouse

import (
	"crypto/rand"
	"strings"
)

// The formats whose pieces, one for each block of the result, make the whole result when put in a row. The engine
// writes the others (JSON, Parquet, XML …) anew for each block, so those results are made whole first.
var streamable = map[string]bool{
	"native": true, "rowbinary": true, "tabseparated": true, "tsv": true, "tabseparatedraw": true, "tsvraw": true, "csv": true,
	"jsoneachrow": true, "jsonlines": true, "ndjson": true, "jsoncompacteachrow": true, "jsonstringseachrow": true,
	"jsoncompactstringseachrow": true, "tskv": true, "lineasstring": true, "rawblob": true, "null": true, "customseparated": true,
}

func contentType(format string) string {
	switch f := strings.ToLower(format); {
	case strings.Contains(f, "eachrow"), f == "jsonlines", f == "ndjson":
		return "application/x-ndjson; charset=UTF-8"
	case strings.HasPrefix(f, "json"):
		return "application/json; charset=UTF-8"
	case strings.HasPrefix(f, "csv"):
		return "text/csv; charset=UTF-8"
	case strings.HasPrefix(f, "tabseparated"), strings.HasPrefix(f, "tsv"):
		return "text/tab-separated-values; charset=UTF-8"
	case f == "xml":
		return "application/xml; charset=UTF-8"
	case strings.HasPrefix(f, "pretty"), f == "vertical", f == "values", f == "markdown":
		return "text/plain; charset=UTF-8"
	}
	return "application/octet-stream"
}

// exceptionTag is the random word by which a client tells the endpoint's own exception block from a result's data.
func exceptionTag() string { return strings.ToLower(rand.Text()[:16]) }
