package bench

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/millwright-io/millwright/deploy/internal/enrol"
	"github.com/millwright-io/millwright/deploy/internal/rpc"
	devicev1 "github.com/millwright-io/millwright/proto/gen/millwright/device/v1"
	groupv1 "github.com/millwright-io/millwright/proto/gen/millwright/group/v1"
	tenantv1 "github.com/millwright-io/millwright/proto/gen/millwright/tenant/v1"
)

// posting is a device that posts to the HTTP ingest without pause, one event at a time.
type posting struct {
	now    func() time.Time
	cancel context.CancelFunc
	client *http.Client
	ended  chan struct{}

	last   time.Time
	reason string
	failed error
}

// startPosting posts until it is refused for good. It returns when the first event was taken.
func startPosting(ctx context.Context, s *scene, url, device string, config *tls.Config) (*posting, error) {
	p := &posting{
		now: s.env.Now, ended: make(chan struct{}),
		client: &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{TLSClientConfig: config}},
	}
	events := newPayload(device, "effect", p.now())
	ask := func(ctx context.Context, n uint64) (int, string, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(bytes.Clone(events.next(p.now(), n))))
		if err != nil {
			return 0, "", err
		}
		res, err := p.client.Do(req)
		if err != nil {
			return 0, "", err
		}
		defer func() { _ = res.Body.Close() }()
		var answer struct{ Message string }
		body, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
		_ = json.Unmarshal(body, &answer) // a status without words
		return res.StatusCode, answer.Message, err
	}
	if status, words, err := ask(ctx, 0); err != nil || status != http.StatusAccepted {
		p.client.CloseIdleConnections()
		return nil, fmt.Errorf("the device was not admitted: %d %s: %w", status, words, errors.Join(err))
	}
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	p.cancel = cancel
	go func() {
		defer close(p.ended)
		p.post(running, ask)
	}()
	return p, nil
}

func (p *posting) post(ctx context.Context, ask func(context.Context, uint64) (int, string, error)) {
	refused := 0
	for n := uint64(1); refused < forGood; n++ {
		status, words, err := ask(ctx, n)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil: // the handshake is refused, or the connection cut
			refused++
			p.reason = "connection refused"
		case status == http.StatusAccepted:
			refused, p.last = 0, p.now()
		case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusRequestEntityTooLarge:
			refused++
			p.reason = words
		default:
			p.failed = fmt.Errorf("post an event: %d %s", status, words)
			return
		}
	}
}

// refused waits until events are refused for good.
func (p *posting) refused(ctx context.Context) (last time.Time, reason string, err error) {
	select {
	case <-p.ended:
		return p.last, p.reason, p.failed
	case <-ctx.Done():
		return last, "", errors.New("the device still sends")
	}
}

func (p *posting) stop() {
	p.cancel()
	<-p.ended
	p.client.CloseIdleConnections()
}

// prepareRevokeHTTP makes each trial a device that posts, with a certificate of its own.
func prepareRevokeHTTP(ctx context.Context, s *scene) (func(context.Context, int) (trial, error), error) {
	answer, err := s.api.Tenants.Get(ctx, &tenantv1.GetRequest{})
	if err != nil {
		return nil, rpc.Explain(err)
	}
	return func(ctx context.Context, n int) (trial, error) {
		device := fmt.Sprintf("effect_%d", n%effectDevices)
		posting, serial, err := postAs(ctx, s, answer.GetTenant().GetIngestUrl(), device)
		if err != nil {
			return trial{}, err
		}
		return trial{
			take: func(ctx context.Context) error {
				_, err := s.api.Devices.RevokeCertificate(ctx, &devicev1.RevokeCertificateRequest{DeviceId: device, Serial: serial})
				return err
			},
			felt: func(ctx context.Context) (time.Time, string, error) {
				last, reason, err := posting.refused(ctx)
				return last, nameless(reason, serial, device), err
			},
			end: posting.stop,
		}, nil
	}, nil
}

// policyGroup is the group whose policy is narrowed in each trial.
const policyGroup = "effect"

// preparePolicy makes each trial a change of a group's policy: its device's messages are too large from then on.
func preparePolicy(ctx context.Context, s *scene) (func(context.Context, int) (trial, error), error) {
	answer, err := s.api.Tenants.Get(ctx, &tenantv1.GetRequest{})
	if err != nil {
		return nil, rpc.Explain(err)
	}
	const device = "effect_policy"
	made, err := s.api.Groups.Create(ctx, &groupv1.CreateRequest{GroupId: policyGroup, Query: `id == "` + device + `"`})
	if err != nil {
		return nil, rpc.Explain(err)
	}
	version := made.GetGroup().GetVersion()
	set := func(ctx context.Context, bytes int32) error {
		answer, err := s.api.Groups.Update(ctx, &groupv1.UpdateRequest{
			GroupId: policyGroup, Query: `id == "` + device + `"`, Version: version, Policy: &groupv1.Policy{PayloadBytes: bytes},
		})
		if err == nil {
			version = answer.GetGroup().GetVersion()
		}
		return err
	}
	credentials, err := enrol.One(ctx, s.api.Devices, enrol.Device{ID: device, Type: "temperature_sensor"})
	if err != nil {
		return nil, rpc.Explain(err)
	}
	config, err := credentials.TLS()
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, _ int) (trial, error) {
		if err := set(ctx, 0); err != nil {
			return trial{}, rpc.Explain(err)
		}
		posting, err := again(ctx, s, func() (*posting, error) {
			return startPosting(ctx, s, answer.GetTenant().GetIngestUrl(), device, config)
		})
		if err != nil {
			return trial{}, err
		}
		return trial{
			take: func(ctx context.Context) error { return set(ctx, 1) },
			felt: posting.refused, end: posting.stop,
		}, nil
	}, nil
}

// postAs enrols a device and has it post.
func postAs(ctx context.Context, s *scene, url, device string) (p *posting, serial string, err error) {
	credentials, err := enrol.One(ctx, s.api.Devices, enrol.Device{ID: device, Type: "temperature_sensor"})
	if err != nil {
		return nil, "", rpc.Explain(err)
	}
	config, err := credentials.TLS()
	if err != nil {
		return nil, "", err
	}
	serial = config.Certificates[0].Leaf.SerialNumber.Text(16)
	p, err = again(ctx, s, func() (*posting, error) { return startPosting(ctx, s, url, device, config) })
	return p, serial, err
}
