package price

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/millwright-io/millwright/tenancy"
)

//go:embed books/*.json
var files embed.FS

// Books are all versions, the oldest first.
type Books []Book

// Load reads the price book of this release.
func Load() (Books, error) { return load(files) }

func load(from fs.FS) (Books, error) {
	names, err := fs.Glob(from, "books/*.json")
	if err != nil || len(names) == 0 {
		return nil, fmt.Errorf("there is no price book: %w", tenancy.ErrInvalid)
	}
	var books Books
	for _, name := range names {
		text, err := fs.ReadFile(from, name)
		if err != nil {
			return nil, fmt.Errorf("read price book: %w", err)
		}
		b, err := Parse(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		books = append(books, b)
	}
	slices.SortFunc(books, func(a, b Book) int { return a.From.Compare(b.From) })
	for i := 1; i < len(books); i++ {
		if books[i].From.Equal(books[i-1].From) || books[i].Version == books[i-1].Version {
			return nil, fmt.Errorf("price books %s and %s overlap: each needs a version and a from of its own: %w",
				books[i-1].Version, books[i].Version, tenancy.ErrInvalid)
		}
	}
	return books, nil
}

// Parse reads one version; a field that it does not know is an error.
func Parse(text []byte) (Book, error) {
	var b Book
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&b); err != nil {
		return Book{}, fmt.Errorf("price book: %w: %w", err, tenancy.ErrInvalid)
	}
	return b, b.Check()
}

// At is the version that holds at a time.
func (bs Books) At(at time.Time) (Book, error) {
	for _, b := range slices.Backward(bs) {
		if !at.Before(b.From) {
			return b, nil
		}
	}
	return Book{}, fmt.Errorf("no price book holds at %s: %w", at.UTC().Format(time.RFC3339), tenancy.ErrNotFound)
}
