package warehouse

import (
	"context"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/millwright-io/millwright/deploy/internal/chdb"
)

// errGone says that the client no longer reads; there is nobody to tell.
var errGone = exception(codeAborted, "ABORTED", "The client went away")

// run executes q for who on a connection of its own.
func (s *Server) run(ctx context.Context, a *answer, name string, who user, q *request) error {
	if !who.admin && !s.engine.knows(who.role()) {
		if err := s.engine.learn(who.role(), s.users.grantSets); err != nil {
			return err
		}
	}
	if err := s.engine.gate.enter(ctx); err != nil {
		return err
	}
	defer s.engine.gate.leave()
	st := cut(q.sql)
	walls, err := s.walls(name, who, q, st)
	if err != nil {
		return err
	}
	c, done, err := s.connection(name, who, q, walls)
	if err != nil {
		return err
	}
	defer done()
	if err := s.prepare(c, who, q, st, walls); err != nil {
		return err
	}
	defer s.engine.killOnCancel(ctx, c.name)()
	s.engine.onAbort(c, func() {
		_ = a.control.SetReadDeadline(time.Unix(1, 0)) // rows that do not come
		s.engine.kill(c.name)
	})
	if st.insert {
		return s.insert(a, c, q, st)
	}
	err = s.query(a, c, q, st)
	// As it is now the connection is right for the user's next statement of the sort.
	c.good = err == nil
	return err
}

// connection finds q's session, or opens a connection for this one statement. Call done when the statement has ended.
func (s *Server) connection(name string, who user, q *request, w walls) (c *conn, done func(), err error) {
	if q.session == "" {
		if c := s.engine.behindWalls(w.key); c != nil {
			return c, func() { s.engine.release(c) }, nil
		}
		c, err := s.engine.connect(who.role())
		return c, func() { s.engine.release(c) }, err
	}
	key := sessionKey{user: name, id: q.session}
	found, err := s.sessions.take(key, q.sessionCheck, func() (*session, error) {
		c, err := s.engine.connect(who.role())
		return &session{conn: c, engine: s.engine}, err
	})
	if err != nil {
		return nil, nil, err
	}
	return found.conn, func() { s.sessions.free(key, q.sessionTimeout) }, nil
}

// prepare brings the connection into the state that q asks for.
func (s *Server) prepare(c *conn, who user, q *request, st statement, w walls) error {
	if !who.admin {
		return s.confine(c, who, q, st, w)
	}
	if q.database != "" && q.database != c.database {
		if err := c.Exec("USE " + quoteName(q.database)); err != nil {
			return err
		}
		c.database = q.database
	} else if q.database == "" && c.database != "default" && q.session == "" {
		if err := c.Exec("USE default"); err != nil {
			return err
		}
		c.database = "default"
	}
	settings := q.settings
	if !streams(q, st) && startsStream(st.text) {
		settings = append([]setting{resultLimit(s.cfg.MaxResultBytes)}, settings...)
	}
	if q.readOnly {
		settings = append(settings, setting{"readonly", "2"})
		c.spoiled = true // readonly cannot be taken back
	}
	if err := c.apply(settings); err != nil {
		return err
	}
	if !st.insert {
		found, err := c.Classify(q.sql)
		if err != nil {
			return err
		}
		if found.Class >= chdb.Control {
			c.spoiled = q.session == "" // SET and USE end with their request
		}
	}
	return nil
}

func (c *conn) apply(settings []setting) error {
	if len(settings) == 0 {
		return nil
	}
	parts := make([]string, len(settings))
	for i, one := range settings {
		parts[i] = one.name + " = " + quoteText(one.value)
		c.changed = append(c.changed, one.name)
	}
	if err := c.Exec("SET " + strings.Join(parts, ", ")); err != nil {
		c.spoiled = true
		return err
	}
	return nil
}

// query runs a statement and writes its result.
func (s *Server) query(a *answer, c *conn, q *request, st statement) error {
	format := first(st.format, q.format)
	if !streams(q, st) {
		return s.whole(a, c, q, st, format)
	}
	rows, err := c.Stream(st.text, format, q.params...)
	if err != nil {
		return err
	}
	defer rows.Close()
	piece, err := rows.Next()
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if len(piece) == 0 {
		return a.finishFormat(format, rows.Stats())
	}
	out, err := a.output(format, rows.Stats())
	if err != nil {
		return err
	}
	for err == nil {
		if _, err := out.Write(piece); err != nil {
			return errGone
		}
		piece, err = rows.Next()
	}
	if !errors.Is(err, io.EOF) {
		out.settle()
		return err
	}
	return out.Close()
}

// streams tells whether the result goes to the client as it comes.
func streams(q *request, st statement) bool {
	return !q.wait && streamable[strings.ToLower(first(st.format, q.format))] && startsStream(st.text)
}

// resultLimit makes the engine refuse a result larger than most bytes.
func resultLimit(most int64) setting {
	return setting{"max_result_bytes", strconv.FormatInt(most, 10)}
}

// startsStream tells whether the engine streams the statement's result: it does so for a SELECT alone.
func startsStream(sql string) bool {
	lex := lexer{sql: sql}
	t := lex.next()
	for t.text == "(" {
		t = lex.next()
	}
	return t.is("SELECT") || t.is("WITH")
}

// whole runs a statement and writes its result once it is complete.
func (s *Server) whole(a *answer, c *conn, q *request, st statement, format string) error {
	data, stats, err := c.Query(st.text, format, q.params...)
	if err != nil {
		return err
	}
	if len(data) == 0 {
		return a.finishFormat(format, stats)
	}
	out, err := a.output(format, stats)
	if err != nil {
		return err
	}
	if _, err := out.Write(data); err != nil {
		return errGone
	}
	return out.Close()
}

// insert sends the rows of the text and of the body to the engine as they come.
func (s *Server) insert(a *answer, c *conn, q *request, st statement) error {
	if q.readOnly {
		return exception(164, "READONLY", "Cannot execute query in readonly mode; send an INSERT by POST")
	}
	in, err := c.Insert(st.text, st.format, q.params...)
	if err != nil {
		return err
	}
	_, err = io.CopyBuffer(in, io.MultiReader(strings.NewReader(st.rows), q.body), make([]byte, 256<<10))
	if err != nil && !errors.Is(err, chdb.ErrInsertStopped) {
		in.Cancel()
		c.spoiled = true
		return err
	}
	stats, err := in.Done()
	if err != nil {
		c.spoiled = true
		return err
	}
	return a.finish(stats)
}
