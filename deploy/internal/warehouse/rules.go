package warehouse

import (
	"fmt"
	"slices"
	"strings"
)

// rules says of what a tenant's statement may consist. It reads the tree that the engine's parser made (EXPLAIN AST: a
// node a line, indented by depth, "Kind name"), so comments, quotes and unusual characters are the parser's business.
// What it does not know, it refuses: a line that a strange name broke in two is refused like any other unknown node.
type rules struct {
	functions      map[string]bool // all that the engine has, in lower case
	tableFunctions map[string]bool
}

// The kinds of statement that read.
var readingStatements = []string{
	"SelectWithUnionQuery", "ShowTables", "ShowColumns", "ShowFunctions", "DescribeQuery", "ExistsTableQuery",
	"ExistsDatabaseQuery", "ShowCreateTableQuery", "ShowCreateDatabaseQuery", "Explain",
}

// The kinds of node inside a statement. Set (a SETTINGS clause) is not among them: inside a subquery the engine would
// not hold it to readonly.
var innerNodes = []string{
	"SelectWithUnionQuery", "SelectIntersectExceptQuery", "SelectQuery", "ExpressionList", "Identifier", "Function", "Literal",
	"TablesInSelectQuery", "TablesInSelectQueryElement", "TableExpression", "TableIdentifier", "TableJoin", "ArrayJoin",
	"Subquery", "WithElement", "Asterisk", "QualifiedAsterisk", "ColumnsRegexpMatcher", "ColumnsListMatcher",
	"QualifiedColumnsRegexpMatcher", "QualifiedColumnsListMatcher", "ColumnsTransformerList", "ColumnsExceptTransformer",
	"ColumnsReplaceTransformer", "ColumnsReplaceTransformer::Replacement", "OrderByElement", "WindowDefinition", "WindowListElement",
	"InterpolateElement", "SampleRatio", "FunctionWithKeyValueArguments",
}

// The tables of system that hold nothing of other tenants: constants, and those that the engine filters by the grants.
var openSystemTables = []string{
	"system.one", "system.numbers", "system.numbers_mt", "system.zeros", "system.zeros_mt",
	"system.databases", "system.tables", "system.columns", "system.functions", "system.table_functions", "system.formats",
	"system.data_type_families", "system.aggregate_function_combinators", "system.time_zones", "system.settings",
	"information_schema.tables", "information_schema.columns", "information_schema.schemata",
}

// The table functions that read nothing from anywhere.
var openTableFunctions = []string{"numbers", "numbers_mt", "zeros", "zeros_mt", "values", "generateseries", "generate_series", "view", "null", "primes"}

// The functions that look outside of the statement, run text as SQL, or cost time for nothing. Those that read tables
// (dictGet, joinGet) need a grant besides.
var closedFunctions = []string{
	"file", "eval", "executable", "catboostevaluate", "getserversetting", "getserverport", "getmacro", "hostname", "fqdn", "fullhostname",
	"tcpport", "serveruuid", "buildid", "showcertificate", "getclienthttpheader", "getoskernelversion", "zookeepersessionuptime",
	"getmergetreesetting", "hascolumnintable", "getmaxtablenamelengthfordatabase", "globalvariable", "logtrace", "demangle", "tid",
	"mergetreepartinfo", "hasthreadfuzzer", "fuzzquery", "fuzzjson", "structuretoprotobufschema", "structuretocapnprotoschema",
	"currentroles", "enabledroles", "defaultroles", "currentprofiles", "enabledprofiles", "defaultprofiles",
	"connectionid", "connection_id", "arrowstream", "initializeaggregation",
}

var closedPrefixes = []string{"dict", "joinget", "ai", "address", "filesystem", "transaction", "sleep", "region", "ismergetree", "__", "iceberg", "url_", "s3", "naivebayes"}

func (r rules) check(who user, tree, text string) error {
	lines := strings.Split(strings.TrimRight(tree, "\n"), "\n")
	var parents []string
	for i, line := range lines {
		node := strings.TrimLeft(line, " ")
		depth := len(line) - len(node)
		kind, rest, _ := strings.Cut(node, " ")
		if i == 0 {
			if err := r.statement(kind, rest, who, text); err != nil {
				return err
			}
			parents = append(parents, kind)
			continue
		}
		if depth < 1 || depth > len(parents) {
			return refusedNode(kind)
		}
		parents = append(parents[:depth], kind)
		if err := r.inner(kind, nodeName(rest), parents[depth-1], who); err != nil {
			return err
		}
	}
	return nil
}

func (r rules) statement(kind, rest string, who user, text string) error {
	if kind == "InsertQuery" {
		return nil // the class let it pass for a user with that right; the engine checks the table
	}
	if !slices.Contains(readingStatements, kind) {
		return refusedNode(kind)
	}
	switch kind {
	case "ShowTables":
		return checkShow(text)
	case "Explain":
		name := strings.TrimSpace(nodeName(rest))
		if name != "EXPLAIN" && name != "EXPLAIN PIPELINE" && name != "EXPLAIN ESTIMATE" && name != "EXPLAIN AST" {
			return refusedNode(name)
		}
	}
	return nil
}

// checkShow lets SHOW TABLES and SHOW DATABASES pass, which the engine filters by the grants, and no other SHOW.
func checkShow(text string) error {
	lex := lexer{sql: text}
	if lex.next().is("SHOW") {
		t := lex.next()
		if t.is("FULL") {
			t = lex.next()
		}
		if t.is("TABLES") || t.is("DATABASES") {
			return nil
		}
	}
	return refusedNode("SHOW")
}

func (r rules) inner(kind, name, parent string, who user) error {
	if !slices.Contains(innerNodes, kind) {
		return refusedNode(kind)
	}
	switch kind {
	case "Function", "FunctionWithKeyValueArguments":
		return r.function(name, parent)
	case "TableIdentifier":
		return checkTable(name, who)
	case "Identifier":
		return r.identifier(name)
	}
	return nil
}

// identifier knows two disguises: a table after IN, and a function that another one is to call, as in arrayMap(f, a).
func (r rules) identifier(name string) error {
	lower := strings.ToLower(name)
	if inSystem(lower) && !isOpenSystem(lower) {
		return denied("Not enough privileges to read %s", name)
	}
	if r.functions[lower] && isClosed(lower) {
		return denied("Not enough privileges to use the name %s, which is also a function's; write a column of that name as table.%s", name, name)
	}
	return nil
}

func isClosed(lower string) bool {
	return slices.Contains(closedFunctions, lower) ||
		slices.ContainsFunc(closedPrefixes, func(p string) bool { return strings.HasPrefix(lower, p) })
}

func (r rules) function(name, parent string) error {
	lower := strings.ToLower(name)
	isTable := parent == "TableExpression" || r.tableFunctions[lower] && lower != "format"
	if isClosed(lower) || isTable && !slices.Contains(openTableFunctions, lower) {
		return denied("Not enough privileges to call %s", name)
	}
	return nil
}

// checkTable wants a name of the user's own database, an unqualified one (which means the same), or an open one.
func checkTable(name string, who user) error {
	lower := strings.ToLower(name)
	if !strings.Contains(name, ".") || isOpenSystem(lower) {
		return nil
	}
	for _, g := range who.Grants {
		if strings.HasPrefix(name, g.Database+".") && !inSystem(lower) {
			return nil
		}
	}
	return denied("Not enough privileges to read %s", name)
}

func inSystem(lower string) bool {
	return strings.HasPrefix(lower, "system.") || strings.HasPrefix(lower, "information_schema.")
}

// isOpenSystem tells whether the name is an open table's, or a column's of one.
func isOpenSystem(lower string) bool {
	return slices.ContainsFunc(openSystemTables, func(open string) bool {
		return lower == open || strings.HasPrefix(lower, open+".")
	})
}

// nodeName cuts "(alias x)" and "(children 2)" off a node's name.
func nodeName(rest string) string {
	for _, mark := range []string{" (alias ", " (children ", "(alias ", "(children "} {
		if at := strings.Index(rest, mark); at >= 0 {
			rest = rest[:at]
		}
	}
	return strings.TrimSpace(rest)
}

func refusedNode(kind string) error {
	return denied("Not enough privileges: %s is not allowed to this user", fmt.Sprintf("%.60q", kind))
}
