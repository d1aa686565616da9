package warehouse

import (
	"bytes"
	"encoding/binary"
	"strconv"
	"strings"

	"github.com/millwright-io/millwright/deploy/internal/chdb"
)

// The oldest protocol revision whose Native blocks name each column's serialization.
const revisionWithSerialization = 54454

// isHello tells whether q is the question that clickhouse-go asks first. It expects the answer in the framing of its
// own protocol revision, and takes the revision in the answer for all that follows.
func isHello(q *request) bool {
	return q.revision != "" && strings.EqualFold(q.format, "Native") &&
		strings.Join(strings.Fields(q.sql), " ") == "SELECT displayName(), version(), revision(), timezone()"
}

// hello answers revision 0, so that every later block is Native without any framing, as the engine writes and reads it.
func (s *Server) hello(a *answer, q *request) error {
	revision, err := strconv.ParseUint(q.revision, 10, 32)
	if err != nil {
		return exception(codeBadArguments, "BAD_ARGUMENTS", "client_protocol_version %q is no number", q.revision)
	}
	var b bytes.Buffer
	if revision > 0 {
		b.Write([]byte{1, 0, 2, 0xff, 0xff, 0xff, 0xff, 0}) // no overflow rows, no bucket
	}
	b.Write([]byte{4, 1}) // columns, rows
	text := func(s string) {
		b.Write(binary.AppendUvarint(nil, uint64(len(s))))
		b.WriteString(s)
	}
	column := func(name, kind string) {
		text(name)
		text(kind)
		if revision >= revisionWithSerialization {
			b.WriteByte(0)
		}
	}
	column("displayName()", "String")
	text(displayName)
	column("version()", "String")
	text(s.version)
	column("revision()", "UInt32")
	b.Write([]byte{0, 0, 0, 0})
	column("timezone()", "String")
	text(s.timezone)
	out, err := a.output("Native", chdb.Stats{ResultRows: 1})
	if err != nil {
		return err
	}
	if _, err := out.Write(b.Bytes()); err != nil {
		return errGone
	}
	return out.Close()
}
