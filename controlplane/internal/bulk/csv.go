package bulk

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/millwright-io/millwright/controlplane/internal/device"
	"github.com/millwright-io/millwright/controlplane/internal/job"
	"github.com/millwright-io/millwright/tenancy"
)

const (
	maxRows    = tenancy.MaxImportRows
	maxColumns = 64
	maxLabels  = 32
	maxCell    = 16 << 10
)

var labelKey = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]{0,62}$`)

const labelColumn = "label:"

var known = []string{"device_id", "device_type", "facility", "line", "station", "firmware", "csr"}

// row is a row of a file as it waits for its turn.
type row struct {
	ID       string            `json:"id"`
	Type     string            `json:"type"`
	Facility string            `json:"facility,omitempty"`
	Line     string            `json:"line,omitempty"`
	Station  string            `json:"station,omitempty"`
	Firmware string            `json:"firmware,omitempty"`
	CSR      string            `json:"csr,omitempty"`
	Labels   map[string]string `json:"labels,omitempty"`
}

func (r row) device() device.Device {
	return device.Device{
		ID: r.ID, Type: r.Type, Firmware: r.Firmware, Labels: r.Labels,
		Location: device.Location{Facility: r.Facility, Line: r.Line, Station: r.Station},
	}
}

// parse reads a file. A row that is wrong becomes an item with an error; a file that is wrong as a whole is an ErrInvalid.
func parse(text string) (columns []string, items []job.Item, err error) {
	in := csv.NewReader(strings.NewReader(strings.TrimPrefix(text, "\ufeff")))
	in.FieldsPerRecord = -1
	if first, _, _ := strings.Cut(text, "\n"); strings.Count(first, ";") > strings.Count(first, ",") {
		in.Comma = ';'
	}
	head, err := in.Read()
	if errors.Is(err, io.EOF) {
		return nil, nil, refuse("the file is empty: its first line names the columns, at least device_id,device_type")
	}
	if err != nil {
		return nil, nil, refuse("the first line cannot be read: %v", err)
	}
	if columns, err = header(head); err != nil {
		return nil, nil, err
	}
	lines := map[string]int{}
	for {
		fields, err := in.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if len(items) == maxRows {
			return nil, nil, &tenancy.LimitError{Limit: tenancy.LimitImportRows, Scope: "file", Current: maxRows + 1, Maximum: maxRows}
		}
		if bad := (*csv.ParseError)(nil); errors.As(err, &bad) {
			items = append(items, job.Item{Number: bad.StartLine, Error: fmt.Sprintf("line %d, column %d: %v", bad.Line, bad.Column, bad.Err)})
			continue
		} else if err != nil {
			return nil, nil, refuse("%v", err)
		}
		line, _ := in.FieldPos(0)
		items = append(items, item(line, columns, fields, lines))
	}
	if len(items) == 0 {
		return nil, nil, refuse("the file has no row below its first line")
	}
	return columns, items, nil
}

func refuse(format string, args ...any) error {
	return fmt.Errorf("csv: "+format+": %w", append(args, tenancy.ErrInvalid)...)
}

func header(fields []string) ([]string, error) {
	if len(fields) > maxColumns {
		return nil, refuse("it has %d columns and %d are allowed", len(fields), maxColumns)
	}
	columns := make([]string, len(fields))
	for i, f := range fields {
		c := strings.TrimSpace(f)
		key, label := strings.CutPrefix(c, labelColumn)
		if lower := strings.ToLower(c); !label && slices.Contains(known, lower) {
			c = lower
		} else if !label {
			return nil, refuse("column %d is %q: want %s or label:NAME", i+1, clip(c), strings.Join(known, ", "))
		} else if !labelKey.MatchString(key) {
			return nil, refuse("column %d is %q: a label's name is a letter and then letters, digits, _ . or -, 63 at most", i+1, clip(c))
		}
		if slices.Contains(columns[:i], c) {
			return nil, refuse("column %q is there twice", c)
		}
		columns[i] = c
	}
	for _, must := range known[:2] {
		if !slices.Contains(columns, must) {
			return nil, refuse("there is no column %s", must)
		}
	}
	return columns, nil
}

func clip(text string) string {
	if len(text) <= 60 {
		return text
	}
	return strings.ToValidUTF8(text[:60], "") + "…"
}

// item reads a row; lines has the line of every device so far.
func item(line int, columns, fields []string, lines map[string]int) job.Item {
	i := job.Item{Number: line}
	r, err := read(columns, fields)
	i.Name = clip(r.ID)
	if err == nil {
		err = check(r)
	}
	if before := lines[r.ID]; err == nil && before > 0 {
		err = fmt.Errorf("device_id: %s stands in line %d already: leave one out", r.ID, before)
	}
	if err != nil {
		i.Error = strings.TrimSuffix(err.Error(), ": "+tenancy.ErrInvalid.Error())
		return i
	}
	lines[r.ID] = line
	text, err := json.Marshal(r)
	if err != nil {
		i.Error = "the row cannot be kept: " + err.Error()
		return i
	}
	i.Input = string(text)
	return i
}

func read(columns, fields []string) (r row, err error) {
	if len(fields) != len(columns) {
		err = fmt.Errorf("it has %d fields and the first line %d: check commas and quotes", len(fields), len(columns))
	}
	places := map[string]*string{
		"device_id": &r.ID, "device_type": &r.Type, "facility": &r.Facility, "line": &r.Line, "station": &r.Station,
		"firmware": &r.Firmware, "csr": &r.CSR,
	}
	for n, value := range fields[:min(len(fields), len(columns))] {
		if len(value) > maxCell {
			return r, fmt.Errorf("%s: it has %d bytes and %d are allowed", columns[n], len(value), maxCell)
		}
		value = strings.TrimSpace(value)
		if key, label := strings.CutPrefix(columns[n], labelColumn); !label {
			*places[columns[n]] = value
		} else if value != "" {
			if r.Labels == nil {
				r.Labels = map[string]string{}
			}
			r.Labels[key] = value
		}
	}
	return r, err
}

func check(r row) error {
	const want = "want letters, digits, _ and -, 63 at most, a letter or digit first"
	switch {
	case !tenancy.IsName(r.ID):
		return fmt.Errorf("device_id %q: %s", clip(r.ID), want)
	case !tenancy.IsName(r.Type):
		return fmt.Errorf("device_type %q: %s", clip(r.Type), want)
	case len(r.Labels) > maxLabels:
		return fmt.Errorf("it has %d labels and %d are allowed", len(r.Labels), maxLabels)
	}
	return r.device().Valid()
}
