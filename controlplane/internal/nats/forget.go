package nats

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/millwright-io/millwright/proto/subject"
	"github.com/millwright-io/millwright/tenancy"
)

// Forget implements tenant.Catalogs: it deletes every entry of a tenant, of whatever kind, so that the cell hears of each.
func (c *Catalog) Forget(ctx context.Context, cell string, id tenancy.ID) (int, error) {
	kv, err := c.bucket(ctx, cell)
	if err != nil {
		return 0, err
	}
	names, err := namesOf(ctx, kv, id)
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		if err := remove(ctx, kv, name); err != nil {
			return 0, fmt.Errorf("remove %s from the catalog of %s: %w", name, cell, err)
		}
	}
	return len(names), nil
}

// Erase implements tenant.Catalogs. A deleted entry leaves a marker with its name; those of the tenant go as well.
func (c *Catalog) Erase(ctx context.Context, cell string, id tenancy.ID) (int, error) {
	kv, err := c.bucket(ctx, cell)
	if err != nil {
		return 0, err
	}
	names, err := namesOf(ctx, kv, id)
	if err != nil || len(names) > 0 {
		return len(names), err
	}
	bucket := subject.CatalogBucket(cell)
	stream, err := c.js.Stream(ctx, "KV_"+bucket)
	if err != nil {
		return 0, fmt.Errorf("open bucket %s: %w", bucket, err)
	}
	for _, filter := range subject.CatalogOf(string(id)) {
		if err := stream.Purge(ctx, jetstream.WithPurgeSubject("$KV."+bucket+"."+filter)); err != nil {
			return 0, fmt.Errorf("purge markers from bucket %s: %w", bucket, err)
		}
	}
	return 0, nil
}

// namesOf lists the entries of a tenant.
func namesOf(ctx context.Context, kv jetstream.KeyValue, id tenancy.ID) (names []string, err error) {
	w, err := kv.WatchFiltered(ctx, subject.CatalogOf(string(id)), jetstream.IgnoreDeletes(), jetstream.MetaOnly())
	if err != nil {
		return nil, fmt.Errorf("list the catalog entries of a tenant: %w", err)
	}
	defer func() { _ = w.Stop() }()
	for {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case e, ok := <-w.Updates():
			if !ok {
				return nil, errors.New("list the catalog entries of a tenant: the watch ended early")
			}
			if e == nil {
				return names, nil
			}
			names = append(names, e.Key())
		}
	}
}
