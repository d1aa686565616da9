// Package casbin decides what a role may do. The role templates are shared by all tenants: a caller's role in their
// tenant comes with the verified principal, so that a check costs the same with one tenant or with ten thousand.
// Both planes import it; it is the only home of the casbin module.
package casbin

import (
	"context"
	_ "embed" // the model and the role templates
	"fmt"
	"strings"

	"github.com/casbin/casbin/v2"
	"github.com/casbin/casbin/v2/model"
	stringadapter "github.com/casbin/casbin/v2/persist/string-adapter"

	"github.com/millwright-io/millwright/tenancy"
)

//go:embed model.conf
var modelText string

//go:embed policy.csv
var policyText string

// person is the role of everybody who is signed in, in no tenant.
const person = "person"

// Authorizer holds the role templates. It is a tenancy.Authorizer and safe for concurrent use: nothing changes it.
type Authorizer struct{ enforcer *casbin.Enforcer }

// New reads the embedded model and templates.
func New() (*Authorizer, error) {
	m, err := model.NewModelFromString(modelText)
	if err != nil {
		return nil, fmt.Errorf("read role model: %w", err)
	}
	e, err := casbin.NewEnforcer(m, stringadapter.NewAdapter(policyText))
	if err != nil {
		return nil, fmt.Errorf("read role templates: %w", err)
	}
	return &Authorizer{enforcer: e}, nil
}

// Authorize implements tenancy.Authorizer.
func (a *Authorizer) Authorize(_ context.Context, p tenancy.Principal, act tenancy.Action) error {
	if p.Subject == "" {
		return fmt.Errorf("no verified caller: %w", tenancy.ErrUnauthenticated)
	}
	role := string(p.Role)
	switch {
	case strings.HasPrefix(string(act), "account."):
		if p.Credential != tenancy.CredentialSession {
			return fmt.Errorf("%s needs a signed-in person, not a %s: %w", act, p.Credential, tenancy.ErrForbidden)
		}
		role = person
	case p.Tenant == "":
		return fmt.Errorf("no organisation chosen: create or switch to one: %w", tenancy.ErrConflict)
	case !p.Role.Valid():
		return fmt.Errorf("role %q is unknown: %w", p.Role, tenancy.ErrForbidden)
	}
	ok, err := a.enforcer.Enforce(role, string(act))
	if err != nil {
		return fmt.Errorf("check %s for %s: %w", act, role, err)
	}
	if !ok {
		return fmt.Errorf("role %s may not %s: %w", role, act, tenancy.ErrForbidden)
	}
	return nil
}
