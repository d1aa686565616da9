package replay

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/millwright-io/millwright/deploy/internal/command"
)

// Layout says how a file is to be read.
type Layout struct {
	TimeColumn, TimeZone, Separator, Header, Columns, Skip string
}

// Value is one cell: the number as it stands in the file, in JSON's form.
type Value struct{ Name, Text string }

// Row is one line.
type Row struct {
	Time   time.Time
	Values []Value
}

// Reader reads a recording row by row.
type Reader struct {
	file    string
	rows    *csv.Reader
	names   []string // by column; empty: left out
	columns []string
	time    int
	zone    *time.Location
}

// timeNames are the usual names of the time's column.
var timeNames = []string{"timestamp", "datetime", "time", "date", "ts"}

// separators are those that are looked for.
const separators = ";,\t| "

// NewReader reads the header. file is how errors name the input.
func NewReader(in io.Reader, file string, layout Layout) (*Reader, error) {
	zone, err := time.LoadLocation(layout.TimeZone)
	if err != nil {
		return nil, command.Usage("--time-zone %q: %s", layout.TimeZone, err)
	}
	buffered := bufio.NewReaderSize(in, 64<<10)
	separator, err := separatorOf(buffered, layout.Separator)
	if err != nil {
		return nil, err
	}
	r := &Reader{file: file, rows: csv.NewReader(buffered), zone: zone}
	r.rows.Comma, r.rows.ReuseRecord, r.rows.TrimLeadingSpace = separator, true, separator == ' '
	r.rows.FieldsPerRecord = -1
	if layout.Header != "" {
		r.columns = strings.Split(layout.Header, ",")
	} else {
		header, err := r.rows.Read()
		if err != nil {
			return nil, fmt.Errorf("%s has no header line: %w", file, err)
		}
		r.columns = slices.Clone(header)
		r.columns[0] = strings.TrimPrefix(r.columns[0], "\ufeff")
	}
	return r, r.assign(layout)
}

// separatorOf takes the one that was named, or the one that stands most often in the first line.
func separatorOf(in *bufio.Reader, named string) (rune, error) {
	if named == `\t` {
		return '\t', nil
	}
	if named != "" {
		r, n := utf8.DecodeRuneInString(named)
		if n != len(named) || r == utf8.RuneError || r == '"' || r == '\n' || r == '\r' {
			return 0, command.Usage("--separator %q: want one character", named)
		}
		return r, nil
	}
	line, err := in.Peek(in.Size())
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, fmt.Errorf("read recording: %w", err)
	}
	first, _, _ := strings.Cut(string(line), "\n")
	best, most := ',', 0
	for _, s := range separators {
		if n := strings.Count(first, string(s)); n > most && (s != ' ' || most == 0) {
			best, most = s, n
		}
	}
	return best, nil
}

// assign finds the time and gives every other column its measurement's name.
func (r *Reader) assign(layout Layout) error {
	r.time = slices.IndexFunc(r.columns, func(c string) bool {
		if layout.TimeColumn != "" {
			return c == layout.TimeColumn
		}
		return slices.Contains(timeNames, strings.ToLower(c))
	})
	if r.time < 0 {
		return command.Usage("%s has no time column %s: its columns are %s; name one by --time-column", r.file, layout.TimeColumn, strings.Join(r.columns, ", "))
	}
	r.names = slices.Clone(r.columns)
	r.names[r.time] = ""
	for _, name := range split(layout.Skip) {
		i := slices.Index(r.columns, name)
		if i < 0 {
			return command.Usage("--skip-columns: %s has no column %s", r.file, name)
		}
		r.names[i] = ""
	}
	for _, pair := range split(layout.Columns) {
		from, to, ok := strings.Cut(pair, "=")
		i := slices.Index(r.columns, from)
		if !ok || to == "" || i < 0 {
			return command.Usage("--columns %s: want column=measurement, and the column in %s", pair, r.file)
		}
		r.names[i] = to
	}
	return nil
}

func split(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ",")
}

// Next returns the next row; false at the end. Its values are good until the next call.
func (r *Reader) Next() (Row, bool, error) {
	record, err := r.rows.Read()
	if errors.Is(err, io.EOF) {
		return Row{}, false, nil
	}
	if err != nil {
		return Row{}, false, fmt.Errorf("%s: %w", r.file, err)
	}
	line, _ := r.rows.FieldPos(0)
	if len(record) != len(r.columns) {
		return Row{}, false, fmt.Errorf("%s:%d has %d cells, the header has %d", r.file, line, len(record), len(r.columns))
	}
	at, err := parseTime(record[r.time], r.zone)
	if err != nil {
		return Row{}, false, fmt.Errorf("%s:%d: column %s: %w", r.file, line, r.columns[r.time], err)
	}
	row := Row{Time: at}
	for i, cell := range record {
		cell = strings.TrimSpace(cell)
		if r.names[i] == "" || cell == "" {
			continue
		}
		text, err := number(cell)
		if err != nil {
			return Row{}, false, fmt.Errorf("%s:%d: column %s: %w", r.file, line, r.columns[i], err)
		}
		row.Values = append(row.Values, Value{Name: r.names[i], Text: text})
	}
	if len(row.Values) == 0 {
		return Row{}, false, fmt.Errorf("%s:%d has a time and no value", r.file, line)
	}
	return row, true, nil
}

// number returns the shortest JSON number that is the same float64.
func number(cell string) (string, error) {
	v, err := strconv.ParseFloat(cell, 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return "", fmt.Errorf("%q is not a finite number; leave the column out by --skip-columns", cell)
	}
	return strconv.FormatFloat(v, 'g', -1, 64), nil
}

var timeLayouts = []string{time.RFC3339Nano, "2006-01-02 15:04:05.999999999", "2006-01-02T15:04:05.999999999", "2006-01-02 15:04", "2006-01-02"}

// parseTime takes RFC 3339, the usual forms without a zone, and Unix seconds or milliseconds.
func parseTime(cell string, zone *time.Location) (time.Time, error) {
	cell = strings.TrimSpace(cell)
	for _, layout := range timeLayouts {
		if t, err := time.ParseInLocation(layout, cell, zone); err == nil {
			return t, nil
		}
	}
	if v, err := strconv.ParseInt(cell, 10, 64); err == nil && v >= 0 {
		if v > 100_000_000_000 {
			return time.UnixMilli(v), nil
		}
		return time.Unix(v, 0), nil
	}
	return time.Time{}, fmt.Errorf("%q is not a time: want e.g. 2026-01-15T10:30:00Z, 2026-01-15 10:30:00 or Unix seconds", cell)
}
