// Package est serves Enrolment over Secure Transport (RFC 7030): devices get their first certificate for a claim token,
// and renew it with the one they have, by curl and openssl alone if need be. The composition root mounts it on a TLS
// listener of its own that asks for a client certificate and takes none for an answer.
package est

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/millwright-io/millwright/controlplane/internal/authority"
	"github.com/millwright-io/millwright/controlplane/internal/certificate"
	"github.com/millwright-io/millwright/controlplane/internal/device"
	"github.com/millwright-io/millwright/tenancy"
)

// Path is where the operations are.
const Path = "/.well-known/est/"

// Certificates gives devices certificates.
type Certificates interface {
	Enrol(ctx context.Context, secret string, r certificate.Request) (device.Credentials, error)
	Renew(ctx context.Context, leaf, root *x509.Certificate, holder certificate.Holder, r certificate.Request) (device.Credentials, error)
}

// Deps are what the handler works with; all are required.
type Deps struct {
	Certificates Certificates
	// Root is the platform's.
	Root *x509.Certificate
	// Limit counts a request of a remote address.
	Limit func(ctx context.Context, address string) error
	Log   *slog.Logger
}

type server struct{ Deps }

// Handler serves the operations below Path.
func Handler(d Deps) http.Handler {
	s := &server{d}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+Path+"cacerts", s.serve("cacerts", s.caCerts))
	mux.HandleFunc("GET "+Path+"csrattrs", s.serve("csrattrs", s.csrAttributes))
	mux.HandleFunc("POST "+Path+"simpleenroll", s.serve("simpleenroll", s.enrol))
	mux.HandleFunc("POST "+Path+"simplereenroll", s.serve("simplereenroll", s.renew))
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "this is not served: "+Path+" has cacerts, csrattrs (GET), simpleenroll and simplereenroll (POST)", http.StatusNotFound)
	})
	return mux
}

// serve is what every operation passes: the call is named and counted, and its error becomes a sentence.
func (s *server) serve(name string, operation func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		address, _, err := net.SplitHostPort(r.RemoteAddr)
		if err != nil {
			address = r.RemoteAddr
		}
		call := tenancy.Call{RequestID: string(tenancy.NewID()), RemoteAddress: address, Procedure: "est/" + name}
		ctx := tenancy.WithCall(r.Context(), call)
		w.Header().Set("X-Request-Id", call.RequestID)
		w.Header().Set("Cache-Control", "no-store")
		if err = s.Limit(ctx, address); err == nil {
			err = operation(w, r.WithContext(ctx))
		}
		if err != nil {
			s.refuse(w, err, call)
		}
	}
}

// refuse answers with the error's own sentence; internal errors go bare.
func (s *server) refuse(w http.ResponseWriter, err error, call tenancy.Call) {
	var limit *tenancy.LimitError
	var large *http.MaxBytesError
	text, status := err.Error(), http.StatusInternalServerError
	switch {
	case errors.As(err, &large):
		text, status = fmt.Sprintf("the request is larger than %d bytes: send a PKCS #10 request, in base64, and nothing else", large.Limit), http.StatusRequestEntityTooLarge
	case errors.As(err, &limit):
		status = http.StatusTooManyRequests
		w.Header().Set("Retry-After", strconv.Itoa(int(max(limit.RetryAfter, time.Second).Round(time.Second)/time.Second)))
	case errors.Is(err, tenancy.ErrUnauthenticated):
		status = http.StatusUnauthorized
		w.Header().Set("WWW-Authenticate", `Basic realm="claim token as password", charset="UTF-8"`)
	case errors.Is(err, tenancy.ErrForbidden):
		status = http.StatusForbidden
	case errors.Is(err, tenancy.ErrInvalid):
		status = http.StatusBadRequest
	case errors.Is(err, tenancy.ErrNotFound):
		status = http.StatusNotFound
	case errors.Is(err, tenancy.ErrExists), errors.Is(err, tenancy.ErrConflict):
		status = http.StatusConflict
	case errors.Is(err, tenancy.ErrUnavailable):
		text, status = "not possible now, try again", http.StatusServiceUnavailable
		w.Header().Set("Retry-After", "5")
	default:
		text = "internal error, request " + call.RequestID
		s.Log.Error("est", slog.String("operation", call.Procedure), slog.String("request_id", call.RequestID), slog.Any("error", err))
	}
	for _, kind := range []error{tenancy.ErrUnauthenticated, tenancy.ErrForbidden, tenancy.ErrInvalid, tenancy.ErrNotFound, tenancy.ErrExists, tenancy.ErrConflict} {
		text = strings.TrimSuffix(text, ": "+kind.Error())
	}
	s.Log.Info("est refused", slog.String("operation", call.Procedure), slog.Int("status", status), slog.String("remote", call.RemoteAddress), slog.String("detail", text))
	http.Error(w, text, status)
}

// caCerts answers with the root: what the server's own certificate chains to, and the devices'.
func (s *server) caCerts(w http.ResponseWriter, _ *http.Request) error {
	return answer(w, s.Root.Raw)
}

// csrAttributes asks for a key on P-256 and a signature with SHA-256.
func (s *server) csrAttributes(w http.ResponseWriter, _ *http.Request) error {
	curve := asn1.ObjectIdentifier{1, 2, 840, 10045, 3, 1, 7}
	key := struct {
		Type   asn1.ObjectIdentifier
		Values []asn1.ObjectIdentifier `asn1:"set"`
	}{asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}, []asn1.ObjectIdentifier{curve}}
	der, err := asn1.Marshal([]any{key, asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}})
	if err != nil {
		return fmt.Errorf("encode attributes: %w", err)
	}
	return write(w, "application/csrattrs", der)
}

func (s *server) enrol(w http.ResponseWriter, r *http.Request) error {
	secret, err := presented(r)
	if err != nil {
		return err
	}
	req, err := request(w, r)
	if err != nil {
		return err
	}
	cred, err := s.Certificates.Enrol(r.Context(), secret, req)
	if err != nil {
		return err
	}
	return issued(w, cred)
}

// presented is the claim token: the password of HTTP Basic, or a Bearer token.
func presented(r *http.Request) (string, error) {
	if _, password, ok := r.BasicAuth(); ok {
		return password, nil
	}
	if scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(token), nil
	}
	return "", fmt.Errorf("a claim token is needed, as password of HTTP Basic or as Bearer token: %w", tenancy.ErrUnauthenticated)
}

func (s *server) renew(w http.ResponseWriter, r *http.Request) error {
	leaf, holder, err := proved(r.TLS)
	if err != nil {
		return err
	}
	req, err := request(w, r)
	if err != nil {
		return err
	}
	cred, err := s.Certificates.Renew(r.Context(), leaf, s.Root, holder, req)
	if err != nil {
		return err
	}
	return issued(w, cred)
}

// proved is the certificate whose key the client proved in the handshake, and whom it names.
func proved(state *tls.ConnectionState) (*x509.Certificate, certificate.Holder, error) {
	if state == nil || len(state.PeerCertificates) == 0 {
		return nil, certificate.Holder{}, fmt.Errorf("renewal needs the device's certificate in the TLS handshake: %w", tenancy.ErrUnauthenticated)
	}
	leaf := state.PeerCertificates[0]
	tenant, name, ok := authority.DeviceOf(leaf)
	if !ok {
		return nil, certificate.Holder{}, fmt.Errorf("the certificate names no device of this installation: renew a certificate of your own CA there: %w", tenancy.ErrUnauthenticated)
	}
	return leaf, certificate.Holder{Tenant: tenant, Device: name}, nil
}

// issued answers with the device's certificate alone.
func issued(w http.ResponseWriter, cred device.Credentials) error {
	block, _ := pem.Decode([]byte(cred.Certificate))
	if block == nil {
		return errors.New("the certificate that was issued is no PEM")
	}
	return answer(w, block.Bytes)
}
