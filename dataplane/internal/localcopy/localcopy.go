// Package localcopy keeps the cell's catalog on its own disk, so that a new process serves what was last known while the
// control plane or the catalog's bucket is away. A file is a snapshot as of a revision of the bucket, and the changes after it, each
// record with a checksum. It knows names and bytes only; the feed gives them their meaning. The composition root imports it.
package localcopy

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
)

// Version says which state of which bucket a copy holds.
type Version struct {
	// Bucket tells the bucket from another of the same name.
	Bucket string
	// Revision is that of the newest entry.
	Revision uint64
	// Key and Value are of that entry; Value is nil when it was deleted.
	Key   string
	Value []byte
}

// Entry is a name and what it means; no value: it is gone.
type Entry struct {
	Key      string
	Revision uint64
	Value    []byte
}

const (
	magic = "millwright catalog 1\n"
	// maxRecord bounds what a damaged length may ask for; the bucket's own messages are smaller.
	maxRecord = 16 << 20
	// slack is how much of changes is kept beside a snapshot of any size before a new one is due.
	slack = 4 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// errDamaged says that a file cannot be used.
var errDamaged = errors.New("damaged")

// The kinds of records.
const (
	recordHead = iota
	recordPut
	recordDelete
	// recordWhole ends the snapshot; what follows are changes.
	recordWhole
)

// Copy is the file of one cell. It is not safe for concurrent use: the feed is its only user.
type Copy struct {
	path, cell string

	file     *os.File
	out      *bufio.Writer
	snapshot int64
	size     int64
	// fresh is set while a new snapshot is written beside the old file.
	fresh bool
}

// New returns the copy of a cell's catalog in a folder, which is made when missing.
func New(dir, cell string) (*Copy, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of the catalog's copy: %w", err)
	}
	return &Copy{path: filepath.Join(dir, "catalog"), cell: cell}, nil
}

// Load hands every entry of the copy to apply, oldest first, and returns its version. Without a copy, or with one that is
// damaged in its snapshot, nothing is handed over and ok is false; changes after a damaged one are left out.
func (c *Copy) Load(apply func(Entry)) (v Version, ok bool, err error) {
	f, err := os.Open(c.path)
	if errors.Is(err, os.ErrNotExist) {
		return Version{}, false, nil
	}
	if err != nil {
		return Version{}, false, fmt.Errorf("open the catalog's copy: %w", err)
	}
	defer func() { _ = f.Close() }()
	// Once to see that it is whole, once to take it: a copy is taken whole or not at all.
	whole, err := c.scan(f, func(Entry) {})
	if err != nil {
		return Version{}, false, fmt.Errorf("read the catalog's copy %s: %w", c.path, err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return Version{}, false, fmt.Errorf("read the catalog's copy: %w", err)
	}
	v = Version{Bucket: whole.bucket}
	again, err := c.scan(io.LimitReader(f, whole.good), func(e Entry) {
		v.Revision, v.Key, v.Value = e.Revision, e.Key, e.Value
		apply(e)
	})
	if err != nil {
		return Version{}, false, fmt.Errorf("read the catalog's copy %s: %w", c.path, err)
	}
	v.Revision = max(v.Revision, again.revision)
	return v, true, c.resume(whole)
}

// resume opens the file for more changes, without what was damaged at its end.
func (c *Copy) resume(s scanned) error {
	f, err := os.OpenFile(c.path, os.O_RDWR, 0o600)
	if err == nil {
		err = f.Truncate(s.good)
	}
	if err == nil {
		_, err = f.Seek(s.good, io.SeekStart)
	}
	if err != nil {
		return fmt.Errorf("open the catalog's copy for changes: %w", err)
	}
	c.use(f)
	c.snapshot, c.size = s.snapshot, s.good
	return nil
}

func (c *Copy) use(f *os.File) {
	if c.file != nil {
		_ = c.file.Close()
	}
	c.file, c.out = f, bufio.NewWriterSize(f, 64<<10)
}

// Begin starts a new snapshot beside the old copy, which stays until Complete.
func (c *Copy) Begin(bucket string) error {
	f, err := os.OpenFile(c.path+".new", os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("begin a copy of the catalog: %w", err)
	}
	c.use(f)
	c.fresh, c.size = true, 0
	if _, err := c.out.WriteString(magic); err != nil {
		return fmt.Errorf("begin a copy of the catalog: %w", err)
	}
	c.size += int64(len(magic))
	head, err := json.Marshal(map[string]string{"cell": c.cell, "bucket": bucket})
	if err != nil {
		return fmt.Errorf("begin a copy of the catalog: %w", err)
	}
	return c.write(recordHead, 0, "", head)
}

// Add writes an entry of a snapshot, or a change after it.
func (c *Copy) Add(e Entry) error {
	if c.file == nil {
		return nil // there is nothing to add to: the next snapshot has it
	}
	kind := byte(recordPut)
	if e.Value == nil {
		kind = recordDelete
	}
	return c.write(kind, e.Revision, e.Key, e.Value)
}

// Complete ends the snapshot at a revision and puts it in place of the old copy.
func (c *Copy) Complete(revision uint64) error {
	if !c.fresh {
		return nil
	}
	if err := c.write(recordWhole, revision, "", nil); err != nil {
		return err
	}
	if err := c.Sync(); err != nil {
		return err
	}
	if err := os.Rename(c.path+".new", c.path); err != nil {
		return fmt.Errorf("put the catalog's copy in place: %w", err)
	}
	c.fresh, c.snapshot = false, c.size
	dir, err := os.Open(filepath.Dir(c.path))
	if err != nil {
		return fmt.Errorf("put the catalog's copy in place: %w", err)
	}
	defer func() { _ = dir.Close() }()
	if err := dir.Sync(); err != nil {
		return fmt.Errorf("put the catalog's copy in place: %w", err)
	}
	return nil
}

// Sync brings what was added to the disk.
func (c *Copy) Sync() error {
	if c.file == nil {
		return nil
	}
	err := c.out.Flush()
	if err == nil {
		err = c.file.Sync()
	}
	if err != nil {
		return fmt.Errorf("write the catalog's copy: %w", err)
	}
	return nil
}

// Due reports whether the changes have outgrown the snapshot, so that a new one is worth its while.
func (c *Copy) Due() bool { return !c.fresh && c.file != nil && c.size > 2*c.snapshot+slack }

// Close leaves the file as it is.
func (c *Copy) Close() error {
	if c.file == nil {
		return nil
	}
	err := errors.Join(c.Sync(), c.file.Close())
	c.file = nil
	return err
}

// write appends a record: length and checksum of the rest; kind, revision, length of the key, key, value.
func (c *Copy) write(kind byte, revision uint64, key string, value []byte) error {
	body := make([]byte, 0, 24+len(key)+len(value))
	body = append(body, kind)
	body = binary.AppendUvarint(body, revision)
	body = binary.AppendUvarint(body, uint64(len(key)))
	body = append(append(body, key...), value...)
	var head [8]byte
	binary.LittleEndian.PutUint32(head[:4], uint32(len(body))) //nolint:gosec // a message of the bucket
	binary.LittleEndian.PutUint32(head[4:], crc32.Checksum(body, castagnoli))
	for _, part := range [][]byte{head[:], body} {
		if _, err := c.out.Write(part); err != nil {
			return fmt.Errorf("write the catalog's copy: %w", err)
		}
		c.size += int64(len(part))
	}
	return nil
}
