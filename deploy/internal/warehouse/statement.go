package warehouse

import "strings"

// statement is a request's SQL text, cut where the engine's interface wants it cut.
type statement struct {
	text   string // the SQL; of an INSERT with rows, the part before FORMAT or VALUES
	insert bool   // rows follow
	format string // the format of the rows that follow, or of the result when the text names one
	rows   string // the rows that the text already holds
}

// cut finds out whether sql is an INSERT whose rows follow, and otherwise which output format it names.
func cut(sql string) statement {
	lex := lexer{sql: sql}
	first := lex.next()
	if first.is("INSERT") {
		return cutInsert(sql, &lex)
	}
	return statement{text: sql, format: outputFormat(sql)}
}

func cutInsert(sql string, lex *lexer) statement {
	depth := 0
	for {
		t := lex.next()
		switch {
		case t.kind == tokenEnd:
			return statement{text: strings.TrimSpace(sql), insert: true, format: "Values"}
		case t.text == "(":
			depth++
		case t.text == ")":
			depth--
		case depth > 0:
		case t.is("SELECT"), t.is("WITH"), t.is("WATCH"):
			return statement{text: sql}
		case t.is("VALUES"):
			return statement{text: sql[:t.start], insert: true, format: "Values", rows: sql[t.end:]}
		case t.is("FORMAT"):
			name := lex.next()
			return statement{text: sql[:t.start], insert: true, format: name.value(), rows: afterFormat(sql[name.end:])}
		}
	}
}

// afterFormat drops the blanks between the format's name and the first row: one line's end at most, for the rows may
// begin with blanks of their own.
func afterFormat(rows string) string {
	rows = strings.TrimLeft(rows, " \t")
	rows = strings.TrimPrefix(rows, "\r")
	return strings.TrimPrefix(rows, "\n")
}

// outputFormat is the name after the FORMAT that ends the statement, or nothing.
func outputFormat(sql string) string {
	lex := lexer{sql: sql}
	depth, format := 0, ""
	var before, previous token
	for {
		t := lex.next()
		if depth == 0 && before.is("FORMAT") && previous.kind == tokenWord && (t.kind == tokenEnd || t.text == ";" || t.is("SETTINGS") || t.is("INTO")) {
			format = previous.text
		}
		switch {
		case t.kind == tokenEnd:
			return format
		case t.text == "(":
			depth++
		case t.text == ")":
			depth--
		}
		before, previous = previous, t
	}
}
