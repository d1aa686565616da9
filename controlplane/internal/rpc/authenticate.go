// Package rpc serves the control plane's API: it verifies callers and converts between the wire and the nouns.
package rpc

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/millwright-io/millwright/controlplane/internal/tenant"
	"github.com/millwright-io/millwright/tenancy"
	"github.com/millwright-io/millwright/tenancy/ory"
	"github.com/millwright-io/millwright/tenancy/rpc"
)

// Sessions knows who is signed in.
type Sessions interface {
	Session(ctx context.Context, header http.Header) (ory.Session, error)
	// Forget drops what is remembered of the request's session.
	Forget(header http.Header)
}

// Keys knows whom an API key speaks for.
type Keys interface {
	Authenticate(ctx context.Context, text, address string) (tenancy.Principal, error)
}

// Standings know what a session acts with.
type Standings interface {
	Standing(ctx context.Context, session, person string) (tenant.Standing, error)
}

// Authenticator takes API keys (`Authorization: Bearer mw_…`) and signed-in sessions, in that order. operators are the
// normalized e-mail addresses of who runs the installation; an address counts once it is verified.
func Authenticator(sessions Sessions, keys Keys, standings Standings, operators []string) rpc.Authenticator {
	return func(ctx context.Context, header http.Header, address string) (tenancy.Principal, error) {
		if token := rpc.Bearer(header); token != "" {
			if !strings.HasPrefix(token, tenancy.KeyPrefix) {
				return tenancy.Principal{}, fmt.Errorf("the control plane takes API keys (mw_…) and sessions, not this token: %w", tenancy.ErrUnauthenticated)
			}
			return keys.Authenticate(ctx, token, address)
		}
		s, err := sessions.Session(ctx, header)
		if err != nil {
			return tenancy.Principal{}, err
		}
		st, err := standings.Standing(ctx, s.ID, s.Identity)
		if err != nil {
			return tenancy.Principal{}, err
		}
		missing := st.SecondFactorRequired && !s.SecondFactor
		if missing { // the person may have shown it a moment ago: ask, whatever is remembered
			sessions.Forget(header)
			if s, err = sessions.Session(ctx, header); err != nil {
				return tenancy.Principal{}, err
			}
			missing = !s.SecondFactor
		}
		return tenancy.Principal{
			Tenant: st.Tenant, Role: st.Role, Facilities: st.Facilities, Credential: tenancy.CredentialSession,
			Subject: s.Identity, Actor: s.Email, Session: s.ID, Verified: s.Verified, SecondFactor: s.SecondFactor, SecondFactorMissing: missing,
			Operator: s.Verified && slices.Contains(operators, s.Email),
		}, nil
	}
}

// caller returns the verified caller of a call that needs a tenant.
func caller(ctx context.Context) (tenancy.Principal, error) { return tenancy.TenantFrom(ctx) }

// person returns the verified caller of a call that needs none.
func person(ctx context.Context) (tenancy.Principal, error) {
	p, err := tenancy.PrincipalFrom(ctx)
	if err == nil && p.Credential != tenancy.CredentialSession {
		err = fmt.Errorf("this needs a signed-in person: %w", tenancy.ErrForbidden)
	}
	return p, err
}
