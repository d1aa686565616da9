package simulate

import (
	"context"
	"crypto/tls"
	"log/slog"
	"sync"
	"time"

	"github.com/millwright-io/millwright/deploy/internal/enrol"
)

const (
	// A failed renewal is tried again after a hundredth of what is left of the certificate, within these bounds.
	renewAgainFirst = time.Second
	renewAgainLast  = 10 * time.Minute
)

// wallet holds a device's credentials, which change while it sends.
type wallet struct {
	device string
	// dir is where the credentials lie; empty: in memory only.
	dir string
	mu  sync.Mutex
	now enrol.Credentials
	key *tls.Certificate
}

func newWallet(m Member) (*wallet, *tls.Config, error) {
	w := &wallet{device: m.ID, dir: m.Dir}
	config, err := m.Credentials.TLS()
	if err != nil {
		return nil, nil, err
	}
	if err := w.put(m.Credentials); err != nil {
		return nil, nil, err
	}
	config.Certificates = nil
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.key, nil
	}
	return w, config, nil
}

func (w *wallet) put(c enrol.Credentials) error {
	config, err := c.TLS()
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now, w.key = c, &config.Certificates[0]
	return nil
}

func (w *wallet) get() enrol.Credentials {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

// renewal keeps a wallet's certificate fresh by EST, from two thirds of its life on.
type renewal struct {
	wallet *wallet
	url    string
	now    func() time.Time
	log    *slog.Logger
	// renewed is called after each success: the connection may change over to the new certificate.
	renewed func()
}

// run renews until ctx is done.
func (r *renewal) run(ctx context.Context) {
	for {
		due, err := r.wallet.get().RenewAt()
		if err != nil {
			r.log.WarnContext(ctx, "the certificate cannot be renewed", slog.String("device", r.wallet.device), slog.Any("error", err))
			return
		}
		if !pause(ctx, due.Sub(r.now())) {
			return
		}
		if err = r.once(ctx); err == nil {
			r.renewed()
			continue
		}
		r.log.WarnContext(ctx, "the certificate was not renewed, trying again", slog.String("device", r.wallet.device), slog.Any("error", err))
		if !pause(ctx, min(max(r.now().Sub(due)/10, renewAgainFirst), renewAgainLast)) {
			return
		}
	}
}

// once takes a new certificate and keeps it before it is used: the old one is good until it ends.
func (r *renewal) once(ctx context.Context) error {
	fresh, err := r.wallet.get().Renew(ctx, r.url, r.wallet.device)
	if err != nil {
		return err
	}
	if r.wallet.dir != "" {
		if err := fresh.Save(r.wallet.dir); err != nil {
			return err
		}
	}
	return r.wallet.put(fresh)
}

func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(max(d, 0))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
