package localcopy

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// scanned is what a file turned out to hold.
type scanned struct {
	bucket   string
	revision uint64
	// snapshot is where the snapshot ends, good where the last sound record does.
	snapshot, good int64
}

// scan reads a file to its end, or to the first damaged change.
func (c *Copy) scan(r io.Reader, each func(Entry)) (scanned, error) {
	in := bufio.NewReaderSize(r, 256<<10)
	var s scanned
	begin := make([]byte, len(magic))
	if _, err := io.ReadFull(in, begin); err != nil || string(begin) != magic {
		return s, fmt.Errorf("it is of another version: %w", errDamaged)
	}
	s.good = int64(len(magic))
	for {
		kind, e, n, err := record(in)
		if err != nil {
			if s.snapshot > 0 && (errors.Is(err, errDamaged) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)) {
				return s, nil // a change that was being written when the power went
			}
			return s, fmt.Errorf("its snapshot is not whole: %w", errors.Join(errDamaged, err))
		}
		switch {
		case kind == recordHead:
			var head struct{ Cell, Bucket string }
			if err := json.Unmarshal(e.Value, &head); err != nil || head.Cell != c.cell {
				return s, fmt.Errorf("it is of cell %q: %w", head.Cell, errDamaged)
			}
			s.bucket = head.Bucket
		case s.bucket == "":
			return s, fmt.Errorf("it does not say whose it is: %w", errDamaged)
		case kind == recordWhole:
			s.revision, s.snapshot = max(s.revision, e.Revision), s.good+n
		default:
			s.revision = max(s.revision, e.Revision)
			each(e)
		}
		s.good += n
	}
}

// record reads one; n is its length.
func record(in *bufio.Reader) (kind byte, e Entry, n int64, err error) {
	var head [8]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return 0, Entry{}, 0, err
	}
	length := binary.LittleEndian.Uint32(head[:4])
	if length < 3 || length > maxRecord {
		return 0, Entry{}, 0, fmt.Errorf("a record of %d bytes: %w", length, errDamaged)
	}
	body := make([]byte, length)
	if _, err := io.ReadFull(in, body); err != nil {
		return 0, Entry{}, 0, err
	}
	if crc32.Checksum(body, castagnoli) != binary.LittleEndian.Uint32(head[4:]) {
		return 0, Entry{}, 0, fmt.Errorf("a record whose checksum is wrong: %w", errDamaged)
	}
	kind = body[0]
	rest := body[1:]
	revision, used := binary.Uvarint(rest)
	if used <= 0 {
		return 0, Entry{}, 0, errDamaged
	}
	rest = rest[used:]
	size, used := binary.Uvarint(rest)
	if used <= 0 || size > uint64(len(rest)-used) {
		return 0, Entry{}, 0, errDamaged
	}
	rest = rest[used:]
	e = Entry{Revision: revision, Key: string(rest[:size])}
	if kind != recordDelete {
		e.Value = rest[size:]
	}
	return kind, e, int64(len(head)) + int64(length), nil
}
