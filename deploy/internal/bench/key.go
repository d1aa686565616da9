package bench

import (
	"context"
	"fmt"

	"github.com/millwright-io/millwright/deploy/internal/rpc"
	keyv1 "github.com/millwright-io/millwright/proto/gen/millwright/key/v1"
	rolev1 "github.com/millwright-io/millwright/proto/gen/millwright/role/v1"
	tenantv1 "github.com/millwright-io/millwright/proto/gen/millwright/tenant/v1"
)

// prepareKey makes each trial an API key that is asked with.
func prepareKey(_ context.Context, s *scene) (func(context.Context, int) (trial, error), error) {
	return func(ctx context.Context, n int) (trial, error) {
		made, err := s.api.Keys.Create(ctx, &keyv1.CreateRequest{Name: fmt.Sprintf("effect %d", n), Role: tenantv1.Role_ROLE_VIEWER})
		if err != nil {
			return trial{}, rpc.Explain(err)
		}
		id := made.GetKey().GetKeyId()
		asking, err := askAgain(ctx, s, made.GetSecret())
		if err != nil {
			return trial{}, err
		}
		return trial{
			take: func(ctx context.Context) error {
				_, err := s.api.Keys.Revoke(ctx, &keyv1.RevokeRequest{KeyId: id})
				return err
			},
			felt: asking.refused, end: asking.stop,
		}, nil
	}, nil
}

// effectRole is the role that loses its rights in each trial.
const effectRole = "effect"

// prepareRole makes each trial a change of a role that a key has.
func prepareRole(ctx context.Context, s *scene) (func(context.Context, int) (trial, error), error) {
	wide, narrow := []string{"cell.enter", "devices.read", "telemetry.read"}, []string{"usage.read"}
	if _, err := s.api.Roles.Create(ctx, &rolev1.CreateRequest{CustomRole: effectRole, Actions: wide}); err != nil && !rpc.Exists(err) {
		return nil, rpc.Explain(err)
	}
	made, err := s.api.Keys.Create(ctx, &keyv1.CreateRequest{Name: effectRole, Role: tenantv1.Role_ROLE_CUSTOM, CustomRole: effectRole})
	if err != nil {
		return nil, rpc.Explain(err)
	}
	return func(ctx context.Context, _ int) (trial, error) {
		if _, err := s.api.Roles.Update(ctx, &rolev1.UpdateRequest{CustomRole: effectRole, Actions: wide}); err != nil {
			return trial{}, rpc.Explain(err)
		}
		asking, err := askAgain(ctx, s, made.GetSecret())
		if err != nil {
			return trial{}, err
		}
		return trial{
			take: func(ctx context.Context) error {
				_, err := s.api.Roles.Update(ctx, &rolev1.UpdateRequest{CustomRole: effectRole, Actions: narrow})
				return err
			},
			felt: asking.refused, end: asking.stop,
		}, nil
	}, nil
}

// askAgain asks once the key and its rights have arrived everywhere.
func askAgain(ctx context.Context, s *scene, key string) (*asking, error) {
	return again(ctx, s, func() (*asking, error) { return startAsking(ctx, s, key) })
}

// again tries to begin until what was given has arrived.
func again[T any](ctx context.Context, s *scene, begin func() (T, error)) (T, error) {
	until := s.env.Now().Add(admittedAgain)
	for {
		begun, err := begin()
		if err == nil || ctx.Err() != nil || s.env.Now().After(until) {
			return begun, err
		}
	}
}
