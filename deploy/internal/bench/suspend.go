package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/millwright-io/millwright/deploy/internal/command"
	"github.com/millwright-io/millwright/deploy/internal/enrol"
	"github.com/millwright-io/millwright/deploy/internal/mqttclient"
	"github.com/millwright-io/millwright/deploy/internal/rpc"
	tenantv1 "github.com/millwright-io/millwright/proto/gen/millwright/tenant/v1"
)

// admittedAgain is how long a device may wait for its organisation to be served again.
const admittedAgain = 10 * time.Second

// prepareSuspend makes each trial an organisation whose device sends all the time; the demo's person is the operator.
func prepareSuspend(ctx context.Context, s *scene) (func(context.Context, int) (trial, error), error) {
	if s.target.access.file == "" {
		return nil, command.Usage("--kind suspend starts its own installation: it needs an operator, so leave --server and --key out")
	}
	operator, err := rpc.SignInFrom(ctx, s.target.Server, s.target.access.file)
	if err != nil {
		return nil, err
	}
	answer, err := s.api.Tenants.Get(ctx, &tenantv1.GetRequest{})
	if err != nil {
		return nil, rpc.Explain(err)
	}
	id := answer.GetTenant().GetTenantId()
	credentials, err := enrol.One(ctx, s.api.Devices, enrol.Device{ID: "effect", Type: "temperature_sensor"})
	if err != nil {
		return nil, rpc.Explain(err)
	}
	config, err := credentials.TLS()
	if err != nil {
		return nil, err
	}
	device := mqttclient.Config{
		Address: answer.GetTenant().GetMqttAddress(), TLS: config, ClientID: "effect", Version: mqttclient.V5, Window: 4, GiveUpAfter: time.Nanosecond,
	}
	return func(ctx context.Context, _ int) (trial, error) {
		sending, err := sendAgain(ctx, s, device)
		if err != nil {
			return trial{}, err
		}
		// The control plane goes on answering the people of a suspended organisation, who are to put right what led there.
		asking, err := again(ctx, s, func() (*asking, error) { return startAsking(ctx, s, s.target.Key, cellPlane) })
		if err != nil {
			sending.stop()
			return trial{}, err
		}
		return trial{
			take: func(ctx context.Context) error {
				_, err := operator.Tenants.Suspend(ctx, &tenantv1.SuspendRequest{TenantId: id, Reason: "measured"})
				return err
			},
			felt: func(ctx context.Context) (time.Time, string, error) {
				cut, reason, err := sending.refused(ctx)
				answered, words, refused := asking.refused(ctx)
				if answered.After(cut) {
					cut = answered
				}
				return cut, reason + "; " + words, errors.Join(err, refused)
			},
			end: func() {
				sending.stop()
				asking.stop()
				_, _ = operator.Tenants.Resume(context.WithoutCancel(ctx), &tenantv1.ResumeRequest{TenantId: id}) // the next trial tells
			},
		}, nil
	}, nil
}

// sendAgain has the device send once its organisation is served again, which takes as long as the suspension did.
func sendAgain(ctx context.Context, s *scene, device mqttclient.Config) (*sending, error) {
	until := s.env.Now().Add(admittedAgain)
	for {
		sending, err := startSending(ctx, s, device)
		if err == nil || ctx.Err() != nil {
			return sending, err
		}
		if s.env.Now().After(until) {
			return nil, fmt.Errorf("the organisation is not served again: %w", err)
		}
	}
}
