package warehouse

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/millwright-io/millwright/deploy/internal/chdb"
)

// confine puts a tenant's connection behind the walls, or refuses the statement.
//
// The first wall is the engine's: the connection's role holds the tenant's grants and nothing else, so the engine itself
// refuses other databases, files, URLs and writes; readonly = 1 keeps settings and roles as they are. The second wall is
// the endpoint's, for what the engine lets everybody do: what the engine's own parser makes of the statement must
// consist of allowed parts alone.
func (s *Server) confine(c *conn, who user, q *request, st statement, w walls) error {
	text := st.text
	if st.insert {
		text += " FORMAT " + st.format
	}
	if c.walls != "" && c.walls == w.key {
		c.good = false
		return s.inspect(c, who, text, q.params)
	}
	c.spoiled = true
	if err := c.apply(w.settings); err != nil {
		return err
	}
	if err := s.inspect(c, who, text, q.params); err != nil {
		return err
	}
	if w.database != "" {
		if err := c.Exec("USE " + quoteName(w.database)); err != nil {
			return err
		}
	}
	if isInsert(st) {
		// The rows are values and nothing that the parser of the statement has not seen.
		return c.Exec("SET input_format_values_interpret_expressions = 0")
	}
	if err := c.Exec("SET readonly = 1"); err != nil {
		return err
	}
	c.walls = w.key
	return nil
}

// walls are what a tenant's connection is put behind. Connections with the same key are alike: one that read, and did
// nothing else, serves the same user's next statement, for making one costs more than most statements.
type walls struct {
	settings []setting
	database string
	key      string
}

func (s *Server) walls(name string, who user, q *request, st statement) (w walls, err error) {
	if who.admin {
		return w, nil
	}
	if w.database, err = ownDatabase(who, q.database); err != nil {
		return w, err
	}
	if w.settings, err = s.tenantSettings(q.settings, q.priority); err != nil {
		return w, err
	}
	if q.session == "" && !isInsert(st) {
		w.key = fmt.Sprintf("%q %q %q %q", name, who.role(), w.database, w.settings)
	}
	return w, nil
}

func isInsert(st statement) bool {
	lex := lexer{sql: st.text}
	return lex.next().is("INSERT")
}

// ownDatabase is the one that unqualified names mean.
func ownDatabase(who user, asked string) (string, error) {
	own := who.Database
	if own == "" && len(who.Grants) > 0 {
		own = who.Grants[0].Database
	}
	if asked == "" || asked == "default" || asked == own {
		if !who.Grants.covers(own) {
			return "", nil
		}
		return own, nil
	}
	if !who.Grants.covers(asked) {
		return "", denied("Not enough privileges on database %s", asked)
	}
	return asked, nil
}

// The settings that a tenant may set: limits that can only be lowered, and the look of the result.
var tenantSettings = []string{
	"max_result_rows", "result_overflow_mode", "max_rows_to_read", "max_bytes_to_read", "read_overflow_mode",
	"timeout_overflow_mode", "session_timezone", "date_time_output_format", "join_use_nulls", "extremes", "limit", "offset",
	"max_columns_to_read", "insert_deduplication_token", "date_time_input_format", "max_block_size", "timezone",
	"use_query_condition_cache",
}

func (s *Server) tenantSettings(asked []setting, priority int) ([]setting, error) {
	most := s.cfg.TenantMaxSeconds
	seconds, bytes, threads := most, s.cfg.MaxResultBytes, s.cfg.TenantThreads
	out := make([]setting, 0, len(asked)+1)
	for _, one := range asked {
		switch {
		case one.name == "max_execution_time":
			if n, err := strconv.ParseFloat(one.value, 64); err == nil && n > 0 {
				seconds = min(most, max(1, int(n)))
			}
		case one.name == "max_result_bytes":
			if n, err := strconv.ParseInt(one.value, 10, 64); err == nil && n > 0 {
				bytes = min(bytes, n)
			}
		case one.name == "max_threads":
			if n, err := strconv.Atoi(one.value); err == nil && n > 0 {
				threads = min(threads, n)
			}
		case one.name == "priority":
			// Who asks can only stand further back than by what was taken.
			if n, err := strconv.Atoi(one.value); err == nil {
				priority = max(priority, n)
			}
		case one.name == "readonly" || one.name == "max_memory_usage":
			// The endpoint's own values hold; drivers send these by habit.
		case slices.Contains(tenantSettings, one.name), strings.HasPrefix(one.name, "output_format_"):
			out = append(out, one)
		default:
			return nil, exception(codeSettingConstraint, "SETTING_CONSTRAINT_VIOLATION", "Setting %s should not be changed by this user", one.name)
		}
	}
	return append(out, setting{"max_execution_time", strconv.Itoa(seconds)}, resultLimit(bytes),
		setting{"max_threads", strconv.Itoa(threads)}, setting{"priority", strconv.Itoa(priority)},
		setting{niceSetting, strconv.Itoa(behind(priority))}), nil
}

// inspect refuses text unless the engine's parser finds exactly one statement, of an allowed kind, made of allowed parts.
func (s *Server) inspect(c *conn, who user, text string, params []chdb.Param) error {
	found, err := c.Classify(text)
	if err != nil {
		return err
	}
	inserts := slices.ContainsFunc(who.Grants, func(g grant) bool { return g.Insert })
	switch {
	case found.Class == chdb.Unknown:
		return s.syntaxError(c, text)
	case found.Statements != 1:
		return denied("Not enough privileges: one statement a request")
	case found.Class == chdb.Mutating && inserts, found.Class == chdb.ReadOnly:
	default:
		return denied("Not enough privileges: this user may read its own database only")
	}
	tree, _, err := c.Query("EXPLAIN AST "+text, "LineAsString", params...)
	if err != nil {
		return err
	}
	return s.rules.check(who, string(tree), text)
}

// syntaxError returns the parser's own words for a text that it refuses, without running it.
func (s *Server) syntaxError(c *conn, text string) error {
	if _, _, err := c.Query("EXPLAIN AST "+text, "LineAsString"); err != nil {
		return err
	}
	return denied("Not enough privileges: the statement is of no kind that this user may run")
}
