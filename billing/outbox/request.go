package outbox

import (
	"context"
	"errors"
	"time"
)

// request is one request of an entry: how it is looked up, and how it is sent.
type request struct {
	name string
	find func(ctx context.Context) (result string, found bool, err error)
	send func(ctx context.Context, key string) (result string, err error)
}

// once sends a request so that it is taken once. It is recorded before it is sent. Within the provider's window a repetition under the same key is
// answered as the first one was; after it, or when that answer is of no use, what was made is looked up, and only what is not there is sent again.
func (w *Worker) once(ctx context.Context, work Work, r request) (string, error) {
	now := w.now()
	recorded, err := w.store.Intend(ctx, work, r.name, now, now.Add(lease))
	if err != nil {
		return "", err
	}
	if recorded.Known {
		return recorded.Result, nil
	}
	if recorded.Doubtful || (recorded.Earlier && now.Sub(recorded.IntendedAt) > Window) {
		result, found, err := r.find(ctx)
		if err != nil {
			return "", err
		}
		if found {
			return result, w.store.Result(ctx, work, r.name, result)
		}
		if recorded, err = w.store.Again(ctx, work, r.name, w.now()); err != nil {
			return "", err
		}
	}
	w.crash(r.name + ":intended")
	result, err := w.send(ctx, work, r, recorded.Generation)
	if err != nil {
		return "", err
	}
	w.crash(r.name + ":sent")
	return result, w.store.Result(ctx, work, r.name, result)
}

func (w *Worker) send(ctx context.Context, work Work, r request, generation int) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	result, err := r.send(ctx, key(work.Object, r.name, generation))
	var f *Failure
	if errors.As(err, &f) && f.Replayed {
		return "", errors.Join(err, w.store.Doubt(context.WithoutCancel(ctx), work, r.name))
	}
	return result, err
}

// customer returns the provider's name of a tenant, which it makes there if need be. All who ask at once ask under the same key.
func (c *Customers) customer(ctx context.Context, id string, now time.Time, crash func(string)) (string, error) {
	a, earlier, err := c.store.IntendCustomer(ctx, tenantOf(id), now)
	if err != nil || a.Customer != "" {
		return a.Customer, err
	}
	if earlier && now.Sub(a.IntendedAt) > Window {
		customer, found, err := c.provider.FindCustomer(ctx, a.Tenant)
		if err != nil {
			return "", err
		}
		if found {
			return customer, c.store.SetCustomer(ctx, a.Tenant, customer)
		}
		if a, err = c.store.CustomerAgain(ctx, a.Tenant, now); err != nil {
			return "", err
		}
	}
	crash("customer:intended")
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	customer, err := c.provider.CreateCustomer(ctx, key("account/"+id, "customer", a.Generation), a.Tenant, a.Name)
	if err != nil {
		var f *Failure
		if errors.As(err, &f) && f.Replayed {
			_, again := c.store.CustomerAgain(context.WithoutCancel(ctx), a.Tenant, now)
			err = errors.Join(err, again)
		}
		return "", err
	}
	crash("customer:sent")
	return customer, c.store.SetCustomer(context.WithoutCancel(ctx), a.Tenant, customer)
}
