// Package cel reads the queries of groups: CEL expressions over what is known of a device, typed, and refused before they
// run when they could cost too much. It implements group.Queries for the composition root, and is this module's only home
// of cel-go.
package cel

import (
	"fmt"
	"sync"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/checker"
	"cel.dev/cel-go/common/ast"

	"github.com/millwright-io/millwright/controlplane/internal/device"
	"github.com/millwright-io/millwright/controlplane/internal/group"
	"github.com/millwright-io/millwright/tenancy"
)

const (
	// maxCost bounds what one device may cost, in units of CEL: about a variable read or a comparison each. A query is asked
	// 100 000 times in a row.
	maxCost = 20_000
	// The longest texts and the most labels that a device has.
	longestText = 128
	mostLabels  = 64
	// kept bounds the queries that are remembered.
	kept = 4096
	// nesting bounds a query's brackets.
	nesting = 40
)

// Queries reads queries and remembers them. It is safe for concurrent use.
type Queries struct {
	env *cel.Env

	mu    sync.Mutex
	known map[string]group.Query
}

// New returns a reader of queries.
func New() (*Queries, error) {
	env, err := cel.NewEnv(
		cel.Variable("id", cel.StringType), cel.Variable("type", cel.StringType), cel.Variable("status", cel.StringType),
		cel.Variable("firmware", cel.StringType), cel.Variable("location.facility", cel.StringType),
		cel.Variable("location.line", cel.StringType), cel.Variable("location.station", cel.StringType),
		cel.Variable("labels", cel.MapType(cel.StringType, cel.StringType)),
		cel.ParserRecursionLimit(nesting), cel.ASTValidators(cel.ValidateRegexLiterals()),
	)
	if err != nil {
		return nil, fmt.Errorf("prepare queries: %w", err)
	}
	return &Queries{env: env, known: map[string]group.Query{}}, nil
}

// Compile implements group.Queries.
func (q *Queries) Compile(text string) (group.Query, error) {
	q.mu.Lock()
	known := q.known[text]
	q.mu.Unlock()
	if known != nil {
		return known, nil
	}
	compiled, err := q.compile(text)
	if err != nil {
		return nil, err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.known) >= kept {
		clear(q.known)
	}
	q.known[text] = compiled
	return compiled, nil
}

func (q *Queries) compile(text string) (group.Query, error) {
	tree, issues := q.env.Compile(text)
	if issues.Err() != nil {
		first := issues.Errors()[0]
		return nil, refuse(first.Location.Line(), first.Location.Column(), first.Message)
	}
	if tree.OutputType() != cel.BoolType {
		return nil, refuse(1, 0, fmt.Sprintf("it is a %s and has to be true or false for a device", tree.OutputType()))
	}
	cost, err := q.env.EstimateCost(tree, sizes{})
	if err != nil {
		return nil, refuse(1, 0, err.Error())
	}
	if cost.Max > maxCost {
		line, column := dearest(tree.NativeRep())
		return nil, refuse(line, column, fmt.Sprintf("it may cost %d for one device and %d are allowed: loop less, and over less", cost.Max, maxCost))
	}
	program, err := q.env.Program(tree, cel.CostLimit(maxCost), cel.EvalOptions(cel.OptOptimize))
	if err != nil {
		return nil, refuse(1, 0, err.Error())
	}
	return query{program}, nil
}

func refuse(line, column int, why string) error {
	return fmt.Errorf("query: line %d, column %d: %s: %w", max(line, 1), max(column, 0)+1, why, tenancy.ErrInvalid)
}

// dearest is the place of the first loop or pattern, which is where a query is dear.
func dearest(tree *ast.AST) (line, column int) {
	line, column = 1, 0
	found := false
	ast.PreOrderVisit(ast.NavigateAST(tree), ast.NewExprVisitor(func(e ast.Expr) {
		dear := e.Kind() == ast.ComprehensionKind || (e.Kind() == ast.CallKind && e.AsCall().FunctionName() == "matches")
		if !dear || found {
			return
		}
		found = true
		at := tree.SourceInfo().GetStartLocation(e.ID())
		line, column = at.Line(), at.Column()
	}))
	return line, column
}

// sizes tells the estimate how much a device can have.
type sizes struct{}

func (sizes) EstimateSize(node checker.AstNode) *checker.SizeEstimate {
	if path := node.Path(); len(path) == 1 && path[0] == "labels" {
		return &checker.SizeEstimate{Min: 0, Max: mostLabels}
	}
	return &checker.SizeEstimate{Min: 0, Max: longestText}
}

func (sizes) EstimateCallCost(string, string, *checker.AstNode, []checker.AstNode) *checker.CallEstimate {
	return nil
}

type query struct{ program cel.Program }

// Matches implements group.Query. A query that fails for a device, for want of a label, does not match it.
func (q query) Matches(d device.Device) bool {
	labels := d.Labels
	if labels == nil {
		labels = map[string]string{}
	}
	out, _, err := q.program.Eval(map[string]any{
		"id": d.ID, "type": d.Type, "status": string(d.Status), "firmware": d.Firmware, "labels": labels,
		"location.facility": d.Location.Facility, "location.line": d.Location.Line, "location.station": d.Location.Station,
	})
	if err != nil {
		return false
	}
	matches, ok := out.Value().(bool)
	return ok && matches
}
