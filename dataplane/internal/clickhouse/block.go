package clickhouse

import (
	"encoding/binary"
	"math"
)

// block builds one block of ClickHouse's Native format, column by column, in memory that is used again. It exists
// beside clickhouse-go because that appends by reflection and looks names up one by one; here a list of names that the
// frame decoder shared is looked up once a block. BenchmarkEventsBlock has the figures.
type block struct {
	buf  []byte
	dict dictionary
	// shapes has the dictionary places of each list of names, found by the list's first element.
	shapes map[*string][]uint32
	keys   []uint32
}

func (b *block) begin(columns, rows int) {
	b.buf = binary.AppendUvarint(b.buf[:0], uint64(columns))
	b.buf = binary.AppendUvarint(b.buf, uint64(rows))
}

func (b *block) column(name, kind string) {
	b.text(name)
	b.text(kind)
}

func (b *block) text(s string) {
	b.buf = binary.AppendUvarint(b.buf, uint64(len(s)))
	b.buf = append(b.buf, s...)
}

func (b *block) uint16(v uint16)   { b.buf = binary.LittleEndian.AppendUint16(b.buf, v) }
func (b *block) uint32(v uint32)   { b.buf = binary.LittleEndian.AppendUint32(b.buf, v) }
func (b *block) uint64(v uint64)   { b.buf = binary.LittleEndian.AppendUint64(b.buf, v) }
func (b *block) int64(v int64)     { b.uint64(uint64(v)) }
func (b *block) float64(v float64) { b.uint64(math.Float64bits(v)) }

// The parts of a LowCardinality column, as Native has them: a version before all, then flags with the width of the
// keys, the dictionary, and the keys.
const (
	lowCardinalityVersion = 1
	additionalKeys        = 1 << 9
	updateDictionary      = 1 << 10
)

// lowCardinality writes a column of n strings.
func (b *block) lowCardinality(n int, at func(i int) string) {
	b.uint64(lowCardinalityVersion)
	b.dict.reset()
	b.keys = b.keys[:0]
	last, key := "", uint32(0)
	for i := range n {
		if s := at(i); i == 0 || s != last {
			last, key = s, b.dict.key(s)
		}
		b.keys = append(b.keys, key)
	}
	b.encoded()
}

// lists writes a column of n lists of strings.
func (b *block) lists(n int, at func(i int) []string) {
	b.uint64(lowCardinalityVersion)
	b.dict.reset()
	clear(b.shapes)
	if b.shapes == nil {
		b.shapes = map[*string][]uint32{}
	}
	b.keys = b.keys[:0]
	var first *string
	var shape []uint32
	for i := range n {
		names := at(i)
		if len(names) > 0 {
			if &names[0] != first || len(names) != len(shape) {
				first, shape = &names[0], b.shape(names)
			}
			b.keys = append(b.keys, shape...)
		}
		b.uint64(uint64(len(b.keys)))
	}
	b.encoded()
}

func (b *block) shape(names []string) []uint32 {
	shape := b.shapes[&names[0]]
	if len(shape) == len(names) {
		return shape
	}
	shape = make([]uint32, len(names))
	for i, name := range names {
		shape[i] = b.dict.key(name)
	}
	b.shapes[&names[0]] = shape
	return shape
}

// encoded writes the dictionary and the keys; a column without values has neither.
func (b *block) encoded() {
	if len(b.keys) == 0 {
		return
	}
	width := uint64(0)
	switch {
	case b.dict.count > math.MaxUint16+1:
		width = 2
	case b.dict.count > math.MaxUint8+1:
		width = 1
	}
	b.uint64(width | additionalKeys | updateDictionary)
	b.uint64(uint64(b.dict.count))
	b.buf = append(b.buf, b.dict.text...)
	b.uint64(uint64(len(b.keys)))
	for _, key := range b.keys {
		switch width {
		case 0:
			b.buf = append(b.buf, byte(key))
		case 1:
			b.uint16(uint16(key))
		default:
			b.uint32(key)
		}
	}
}

// dictionary numbers strings in order of first use.
type dictionary struct {
	index map[string]uint32
	text  []byte
	count int
}

func (d *dictionary) reset() {
	if d.index == nil {
		d.index = map[string]uint32{}
	}
	clear(d.index)
	d.text, d.count = d.text[:0], 0
}

func (d *dictionary) key(s string) uint32 {
	if key, ok := d.index[s]; ok {
		return key
	}
	key := uint32(d.count)
	d.index[s] = key
	d.count++
	d.text = binary.AppendUvarint(d.text, uint64(len(s)))
	d.text = append(d.text, s...)
	return key
}
