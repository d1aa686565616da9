package chdb

import (
	"errors"
	"runtime"
	"unsafe"
)

// Class says what a statement does to state that outlives it, by the engine's own parser.
type Class uint32

// The classes, in the order of how much they touch.
const (
	ReadOnly       Class = iota // SELECT, SHOW, DESCRIBE, EXPLAIN, EXISTS, CHECK
	Mutating                    // writes inside databases
	MutatingGlobal              // users, functions, named collections, the system database
	Control                     // SET, USE, SYSTEM, ATTACH, KILL, INTO OUTFILE, INSERT INTO FUNCTION
	Unknown                     // did not parse, or not classified
)

// Analysis is what the engine's parser found in a text, without running it.
type Analysis struct {
	Statements int
	Class      Class
}

// Classify parses sql with the session's parser.
func (c *Conn) Classify(sql string) (Analysis, error) {
	out := struct{ size, statements, flags, class uint32 }{size: 16}
	var pin runtime.Pinner
	defer pin.Unpin()
	pin.Pin(&out)
	var rc int32
	withParams(sql, "", nil, func(s, _ text, _ table) {
		rc = c.lib.classify(c.conn, s.at, s.n, nil, 0, unsafe.Pointer(&out))
	})
	if rc != 0 {
		return Analysis{}, errors.New("the ClickHouse engine could not analyse the statement")
	}
	return Analysis{Statements: int(out.statements), Class: Class(out.class)}, nil
}
