package simulation

import (
	"context"
	"io"
	"slices"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
)

// objectStore has checkpoints and what was put aside.
type objectStore struct {
	jetstream.ObjectStore
	c *connection
}

func (c *connection) ObjectStore(context.Context, string) (jetstream.ObjectStore, error) {
	return objectStore{c: c}, nil
}

// siteOf is the kind of call that a change of the object is.
func siteOf(name, verb string) string {
	if partition, ok := strings.CutPrefix(name, "partition."); ok {
		partition, _, _ = strings.Cut(partition, "/")
		if verb == "put" {
			return "checkpoint:" + partition
		}
		return map[string]string{"get": "get-checkpoint:", "delete": "drop-checkpoint:"}[verb] + partition
	}
	if strings.HasPrefix(name, "parked/") {
		return map[string]string{"put": "park", "get": "parked", "delete": "unpark"}[verb]
	}
	return verb + "-object"
}

func (o objectStore) GetBytes(ctx context.Context, name string, _ ...jetstream.GetObjectOpt) ([]byte, error) {
	var data []byte
	err := o.c.call(ctx, siteOf(name, "get"), func(effect) error {
		found, ok := o.c.objects[name]
		if !ok {
			return jetstream.ErrObjectNotFound
		}
		data = slices.Clone(found)
		return nil
	})
	return data, err
}

func (o objectStore) PutBytes(ctx context.Context, name string, data []byte) (*jetstream.ObjectInfo, error) {
	data = slices.Clone(data)
	return nil, o.c.call(ctx, siteOf(name, "put"), func(effect) error {
		o.c.objects[name] = data
		return nil
	})
}

func (o objectStore) Put(ctx context.Context, meta jetstream.ObjectMeta, r io.Reader) (*jetstream.ObjectInfo, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	return o.PutBytes(ctx, meta.Name, data)
}

func (o objectStore) Delete(ctx context.Context, name string) error {
	return o.c.call(ctx, siteOf(name, "delete"), func(effect) error {
		if _, ok := o.c.objects[name]; !ok {
			return jetstream.ErrObjectNotFound
		}
		delete(o.c.objects, name)
		return nil
	})
}

func (o objectStore) List(ctx context.Context, _ ...jetstream.ListObjectsOpt) ([]*jetstream.ObjectInfo, error) {
	var infos []*jetstream.ObjectInfo
	err := o.c.call(ctx, "list", func(effect) error {
		for name := range o.c.objects {
			infos = append(infos, &jetstream.ObjectInfo{ObjectMeta: jetstream.ObjectMeta{Name: name}})
		}
		if infos == nil {
			return jetstream.ErrNoObjectsFound
		}
		slices.SortFunc(infos, func(a, b *jetstream.ObjectInfo) int { return strings.Compare(a.Name, b.Name) })
		return nil
	})
	return infos, err
}
