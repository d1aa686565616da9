package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// passed are the expressions that carry the name of a limit on, by file: what is handed to them is looked at where that happens.
var passed = map[string]string{
	"dataplane/internal/admission/slots.go":    "s.limit",
	"dataplane/internal/admission/pool.go":     "p.limit",
	"controlplane/internal/postgres/device.go": "limit",
	"controlplane/internal/tenant/settings.go": "of.limit",
}

// carriers are the functions that take the name of a limit, and at which place.
var carriers = map[string]int{"underLimit": 2, "NewSlots": 0, "newPool": 1}

// TestEveryRefusalNamesALimitOfTheTable looks at every LimitError that is made, and at every call that hands a name on to one: the
// name is a constant of the one table in tenancy/limit.go.
func TestEveryRefusalNamesALimitOfTheTable(t *testing.T) {
	t.Parallel()
	found := 0
	for _, name := range tracked(t) {
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") || strings.HasPrefix(name, "proto/gen/") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root(t), name), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			for _, limit := range named(n) {
				found++
				if text := written(limit); !strings.HasPrefix(strings.TrimPrefix(text, "tenancy."), "Limit") && passed[name] != text {
					t.Errorf("%s: a refusal under the name %s: make it a Limit of tenancy/limit.go", name, text)
				}
			}
			return true
		})
	}
	if found < 30 {
		t.Errorf("only %d refusals were found", found)
	}
}

// named returns what a node gives as the name of a limit.
func named(n ast.Node) (limits []ast.Expr) {
	switch n := n.(type) {
	case *ast.CompositeLit:
		if !strings.HasSuffix(written(n.Type), "LimitError") {
			return nil
		}
		for _, e := range n.Elts {
			if kv, ok := e.(*ast.KeyValueExpr); ok && written(kv.Key) == "Limit" {
				limits = append(limits, kv.Value)
			}
		}
	case *ast.CallExpr:
		name := written(n.Fun)
		if at, ok := carriers[name[strings.LastIndex(name, ".")+1:]]; ok && at < len(n.Args) {
			limits = append(limits, n.Args[at])
		}
	}
	return limits
}

// written is an expression of identifiers as it stands in the source; other expressions have no such form.
func written(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return written(e.X) + "." + e.Sel.Name
	case *ast.BasicLit:
		return e.Value
	}
	return "?"
}
