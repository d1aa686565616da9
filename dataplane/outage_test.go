package dataplane

import (
	"net/http"
	"testing"

	"github.com/millwright-io/millwright/proto/subject"
)

// TestACellStartsWithoutItsCatalogsBucket takes the bucket away: a new process serves from the copy on its disk, and makes events
// durable and readable.
func TestACellStartsWithoutItsCatalogsBucket(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.cfg.CatalogDirectory = t.TempDir()
	app, stop := b.start(t)
	asks := func(app *App) int { return b.get(t, app, "/api/v1/latest", nil) }
	eventually(t, "the key works", func() bool { return asks(app) == http.StatusOK })
	stop()
	if err := b.js.DeleteKeyValue(t.Context(), subject.CatalogBucket(b.cfg.Cell)); err != nil {
		t.Fatal(err)
	}
	app, _ = b.start(t)
	if status := asks(app); status != http.StatusOK {
		t.Errorf("the key of the copy: status %d", status)
	}
	b.publish(t, 1, 500)
	eventually(t, "the events are stored", func() bool {
		stored, distinct, err := b.count(t, app)
		return err == nil && stored == 500 && distinct == 500
	})
}
