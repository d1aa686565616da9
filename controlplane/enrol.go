package controlplane

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/millwright-io/millwright/controlplane/internal/certificate"
	"github.com/millwright-io/millwright/controlplane/internal/est"
	"github.com/millwright-io/millwright/controlplane/internal/rpc"
	"github.com/millwright-io/millwright/controlplane/internal/web"
	"github.com/millwright-io/millwright/tenancy"
)

// estPerSecond bounds what one remote address may ask of EST: a plant behind one address renews, a guesser is slowed down.
const estPerSecond = 100

// listenEST prepares the listener of EST, if there is to be one.
func (a *App) listenEST() (err error) {
	if a.cfg.ESTAddress == "" {
		return nil
	}
	root, err := x509.ParseCertificate(a.keys.Root())
	if err != nil {
		return fmt.Errorf("read root certificate: %w", err)
	}
	if a.estListen, err = (&net.ListenConfig{}).Listen(context.Background(), "tcp", a.cfg.ESTAddress); err != nil {
		return fmt.Errorf("listen for EST: %w; stop what uses the port or choose another address", err)
	}
	a.est = &http.Server{
		Handler: est.Handler(est.Deps{
			Certificates: a.certificates, Root: root, Log: a.log,
			Limit: func(ctx context.Context, address string) error {
				_, err := a.limiter.Take(ctx, "est/"+address, "address "+address, estPerSecond)
				return err
			},
		}),
		ReadHeaderTimeout: headTimeout, ReadTimeout: time.Minute, IdleTimeout: idleTimeout, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(a.log.Handler(), slog.LevelDebug), // handshakes of strangers
		TLSConfig: &tls.Config{
			// Small devices speak 1.2. Any client certificate is let through: who sent it is decided behind the handshake, so
			// that a refusal can say why.
			MinVersion: tls.VersionTLS12, ClientAuth: tls.RequestClientCert, SessionTicketsDisabled: true,
			GetCertificate: a.keys.ServerCertificates(a.cfg.GatewayHosts),
		},
	}
	return nil
}

// ESTAddr is where EST listens; empty when it does not.
func (a *App) ESTAddr() string {
	if a.estListen == nil {
		return ""
	}
	return a.estListen.Addr().String()
}

// estURL is where devices find the operations.
func (c Config) estURL() string {
	if c.ESTAddress == "" {
		return ""
	}
	return strings.TrimRight(c.ESTURL, "/") + strings.TrimRight(est.Path, "/")
}

// certificatesRPC serves the inventory.
func (a *App) certificatesRPC() *rpc.Certificates {
	return &rpc.Certificates{
		Certificates: a.certificates, EST: a.cfg.estURL(), CRL: a.cfg.crl, Root: a.keys.Root(), Life: a.cfg.DeviceCertificateLife,
	}
}

// revocationLists serves each tenant's list.
func (a *App) revocationLists() http.Handler {
	return web.CRL(func(ctx context.Context, id tenancy.ID) ([]byte, error) {
		if _, err := a.store.Tenant(ctx, id); err != nil {
			return nil, err
		}
		certificate, sealed, err := a.store.Authority(ctx, id)
		if err != nil {
			return nil, err
		}
		revoked, err := a.store.RevokedCertificates(ctx, id, a.now())
		if err != nil {
			return nil, err
		}
		return a.keys.RevocationList(ctx, id, certificate, sealed, revoked)
	}, a.now, a.log)
}

// openCertificates prepares the service that EST, the API and the cells' reports share.
func (a *App) openCertificates() {
	a.certificates = certificate.NewService(a.store, a.keys, a.now)
}
