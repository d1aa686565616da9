package dataplane

import (
	"errors"
	"testing"
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/deadletter"
	"github.com/millwright-io/millwright/dataplane/internal/gateway"
	"github.com/millwright-io/millwright/tenancy"
)

func TestDeadLettersOfOtherFacilitiesAreNotThere(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.allow(t)
	app, _ := b.start(t)
	b.refuse(t, "wrong_type", `{"measurements":{"temp":1}}`)
	eventually(t, "a letter", func() bool { return len(b.list(t, app, "")) == 1 })
	id, err := deadletter.ParseID(b.list(t, app, "")[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	letters := deadletter.New(letterStore{app.store}, gateway.Resender{Gateway: app.gateway}, deadletter.DefaultLimits(), time.Now)
	elsewhere := func(string) bool { return false }
	work := deadletter.Work{Selection: deadletter.Selection{IDs: []deadletter.ID{id}, Sees: elsewhere}, Limit: 10}
	if _, _, err := letters.Get(t.Context(), b.tenant, id, elsewhere); !errors.Is(err, tenancy.ErrNotFound) {
		t.Errorf("get: %v", err)
	}
	if _, _, err := letters.Preview(t.Context(), b.tenant, work); !errors.Is(err, tenancy.ErrNotFound) {
		t.Errorf("preview: %v", err)
	}
	if _, err := letters.Replay(t.Context(), b.tenant, work); !errors.Is(err, tenancy.ErrNotFound) {
		t.Errorf("replay: %v", err)
	}
	if _, _, err := letters.Discard(t.Context(), b.tenant, work, "not mine"); !errors.Is(err, tenancy.ErrNotFound) {
		t.Errorf("discard: %v", err)
	}
	if got := b.list(t, app, ""); got[0].State != "STATE_OPEN" || b.stored(t, app, "events") != 0 {
		t.Errorf("something was changed: %+v", got)
	}
}
