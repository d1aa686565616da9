package bench

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/millwright-io/millwright/deploy/internal/enrol"
	"github.com/millwright-io/millwright/deploy/internal/mqttclient"
	"github.com/millwright-io/millwright/deploy/internal/rpc"
	devicev1 "github.com/millwright-io/millwright/proto/gen/millwright/device/v1"
	tenantv1 "github.com/millwright-io/millwright/proto/gen/millwright/tenant/v1"
)

// effectDevices take turns, so that no device gathers more certificates than a real one.
const effectDevices = 100

// prepareRevoke makes each trial a device whose session sends all the time, with a certificate of its own.
func prepareRevoke(ctx context.Context, s *scene) (func(context.Context, int) (trial, error), error) {
	answer, err := s.api.Tenants.Get(ctx, &tenantv1.GetRequest{})
	if err != nil {
		return nil, rpc.Explain(err)
	}
	address := answer.GetTenant().GetMqttAddress()
	return func(ctx context.Context, n int) (trial, error) {
		device := fmt.Sprintf("effect_%d", n%effectDevices)
		credentials, err := enrol.One(ctx, s.api.Devices, enrol.Device{ID: device, Type: "temperature_sensor"})
		if err != nil {
			return trial{}, rpc.Explain(err)
		}
		config, err := credentials.TLS()
		if err != nil {
			return trial{}, err
		}
		serial := config.Certificates[0].Leaf.SerialNumber.Text(16)
		sending, err := startSending(ctx, s, mqttclient.Config{
			Address: address, TLS: config, ClientID: device, Version: mqttclient.V5, Window: 4, GiveUpAfter: time.Nanosecond,
		})
		if err != nil {
			return trial{}, err
		}
		return trial{
			take: func(ctx context.Context) error {
				_, err := s.api.Devices.RevokeCertificate(ctx, &devicev1.RevokeCertificateRequest{DeviceId: device, Serial: serial})
				return err
			},
			felt: func(ctx context.Context) (time.Time, string, error) {
				last, reason, err := sending.refused(ctx)
				return last, nameless(reason, serial, device), err
			},
			end: sending.stop,
		}, nil
	}, nil
}

// nameless takes names out of the words of a refusal, so that those of all trials are the same.
func nameless(reason string, names ...string) string {
	for _, name := range names {
		reason = strings.ReplaceAll(reason, name, "…")
	}
	return reason
}

// sending is a session that publishes without pause until the gateway refuses it for good.
type sending struct {
	client *mqttclient.Client
	cancel context.CancelFunc
	all    sync.WaitGroup
	ended  chan struct{}

	mu sync.Mutex
	// last is the last acknowledgement or the end of the session, whichever was later; cut is why the session ended.
	last time.Time
	cut  string
	err  error
}

// startSending returns when the first message was acknowledged.
func startSending(ctx context.Context, s *scene, cfg mqttclient.Config) (*sending, error) {
	d := &sending{ended: make(chan struct{})}
	first := make(chan struct{})
	var once sync.Once
	cfg.Now = s.env.Now
	cfg.OnAcks = func(acks []mqttclient.Ack) {
		d.note(s.env.Now(), "")
		if !acks[0].Refused() {
			once.Do(func() { close(first) })
		}
	}
	cfg.OnLost = func(err error) { d.note(s.env.Now(), err.Error()) }
	d.client = mqttclient.New(cfg, slog.New(slog.DiscardHandler))
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	d.cancel = cancel
	d.all.Go(func() {
		d.err = d.client.Run(running)
		close(d.ended)
	})
	p := newPayload(cfg.ClientID, "effect", s.env.Now())
	d.all.Go(func() {
		for n := uint64(0); ; n++ {
			now := s.env.Now()
			if d.client.Publish("v1/telemetry", p.next(now, n), mqttclient.Mark{Sequence: n, EventTime: now.UnixNano()}) != nil {
				return
			}
			d.client.Flush()
		}
	})
	select {
	case <-first:
		return d, nil
	case <-d.ended:
		d.stop()
		return nil, fmt.Errorf("the device was not admitted: %w", d.err)
	case <-ctx.Done():
		d.stop()
		return nil, ctx.Err()
	}
}

func (d *sending) note(at time.Time, cut string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.last = at
	if cut != "" && d.cut == "" {
		d.cut = cut
	}
}

// refused waits until a new connection is refused, too. It returns when the session was cut, and with what words.
func (d *sending) refused(ctx context.Context) (time.Time, string, error) {
	select {
	case <-d.ended:
	case <-ctx.Done():
		return time.Time{}, "", errors.New("the device still sends")
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	var refused *mqttclient.RefusedError
	if !errors.As(d.err, &refused) || d.cut == "" {
		return time.Time{}, "", fmt.Errorf("the session ended in another way: %s: %w", d.cut, d.err)
	}
	return d.last, d.cut, nil
}

func (d *sending) stop() {
	d.cancel()
	d.all.Wait()
}
