// Package casbin decides what a caller may do. The role templates are shared by all tenants: a caller's role in their
// tenant comes with the verified principal, so that a check costs the same with one tenant or with ten thousand. A tenant
// that made roles of its own has a small enforcer for them. Both planes import it; it is the only home of the casbin module.
package casbin

import (
	"context"
	_ "embed" // the model
	"fmt"
	"strings"
	"sync"

	"github.com/casbin/casbin/v2"
	"github.com/casbin/casbin/v2/model"
	stringadapter "github.com/casbin/casbin/v2/persist/string-adapter"

	"github.com/millwright-io/millwright/tenancy"
)

//go:embed model.conf
var modelText string

const (
	// person is the role of everybody who is signed in, in no tenant.
	person = "person"
	// platform is the role of who runs the installation. No tenant can give it: it is not among tenancy's roles.
	platform = "platform"
)

// Definitions know what a tenant's own roles may do now; nil when it has none. The same answer means that nothing changed.
type Definitions interface {
	CustomRoles(ctx context.Context, id tenancy.ID) (*tenancy.CustomRoles, error)
}

// Authorizer knows what each role may do. It is a tenancy.Authorizer and safe for concurrent use.
type Authorizer struct {
	shared      *decider
	definitions Definitions

	mu      sync.RWMutex
	tenants map[tenancy.ID]tenantRoles
}

type tenantRoles struct {
	from   *tenancy.CustomRoles
	decide *decider
}

// capacity bounds how many tenants' own roles are in memory; when it is full, all go.
const capacity = 1_000

type grant struct {
	role string
	act  tenancy.Action
}

// New reads the embedded model and tenancy's role templates. definitions may be nil: then no tenant has roles of its own.
func New(definitions Definitions) (*Authorizer, error) {
	roles := map[string][]tenancy.Action{person: tenancy.AccountActions(), platform: tenancy.PlatformActions()}
	for _, t := range tenancy.Roles() {
		roles[string(t.Role)] = t.Actions
	}
	shared, err := newDecider(roles)
	if err != nil {
		return nil, fmt.Errorf("read role templates: %w", err)
	}
	return &Authorizer{shared: shared, definitions: definitions, tenants: map[tenancy.ID]tenantRoles{}}, nil
}

// Authorize implements tenancy.Authorizer.
func (a *Authorizer) Authorize(ctx context.Context, p tenancy.Principal, act tenancy.Action) error {
	if p.Subject == "" {
		return fmt.Errorf("no verified caller: %w", tenancy.ErrUnauthenticated)
	}
	role, decide := string(p.Role), a.shared
	_, custom := p.Role.Custom()
	switch {
	case act.OfAccount():
		if p.Credential != tenancy.CredentialSession {
			return fmt.Errorf("%s needs a signed-in person, not a %s: %w", act, p.Credential, tenancy.ErrForbidden)
		}
		role = person
	case act.OfPlatform():
		atCell := p.Credential == tenancy.CredentialCellToken && p.Tenant == "" // a token that says nothing else
		if !p.Operator || p.Credential != tenancy.CredentialSession && !atCell {
			return fmt.Errorf("%s is for operators of the installation, signed in: %w", act, tenancy.ErrForbidden)
		}
		role = platform
	case p.Tenant == "":
		return fmt.Errorf("no organisation chosen: create or switch to one: %w", tenancy.ErrConflict)
	case p.SecondFactorMissing:
		return fmt.Errorf("your organisation requires a second factor: set one up on your account page, then sign in with it: %w", tenancy.ErrForbidden)
	case custom:
		var err error
		if decide, err = a.ofTenant(ctx, p.Tenant); err != nil {
			return err
		}
	}
	if may, err := decide.may(role, act); err != nil || !may {
		return refusal(p, role, act, err)
	}
	if !p.InScope(act) {
		return fmt.Errorf("this key's scopes do not include %s: %w", act, tenancy.ErrForbidden)
	}
	if len(p.Facilities) > 0 && act.WholeTenant() {
		return fmt.Errorf("%s concerns the whole organisation, and you are confined to %s: %w", act, strings.Join(p.Facilities, ", "), tenancy.ErrForbidden)
	}
	return nil
}

func refusal(p tenancy.Principal, role string, act tenancy.Action, err error) error {
	if err != nil {
		return err
	}
	if !p.Role.Valid() && role != person {
		return fmt.Errorf("role %q is unknown: %w", p.Role, tenancy.ErrForbidden)
	}
	return fmt.Errorf("role %s may not %s: %w", strings.TrimPrefix(role, string(tenancy.CustomRole(""))), act, tenancy.ErrForbidden)
}

// ofTenant returns the decider of a tenant's own roles as they are now.
func (a *Authorizer) ofTenant(ctx context.Context, id tenancy.ID) (*decider, error) {
	if a.definitions == nil {
		return a.shared, nil // which knows none of them
	}
	now, err := a.definitions.CustomRoles(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("read the roles of the organisation: %w", err)
	}
	if now == nil {
		return a.shared, nil
	}
	a.mu.RLock()
	known, ok := a.tenants[id]
	a.mu.RUnlock()
	if ok && known.from == now {
		return known.decide, nil
	}
	roles := make(map[string][]tenancy.Action, len(now.Actions))
	for role, actions := range now.Actions {
		roles[string(role)] = actions
	}
	decide, err := newDecider(roles)
	if err != nil {
		return nil, fmt.Errorf("read the roles of the organisation: %w", err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.tenants) >= capacity {
		clear(a.tenants)
	}
	a.tenants[id] = tenantRoles{from: now, decide: decide}
	return decide, nil
}

// decider asks casbin once for each pair of role and action and remembers the answer: asking costs 20 µs and more with
// every policy, remembering 40 ns.
type decider struct {
	enforcer *casbin.Enforcer
	known    map[tenancy.Action]bool

	mu      sync.RWMutex
	decided map[grant]bool
}

func newDecider(roles map[string][]tenancy.Action) (*decider, error) {
	m, err := model.NewModelFromString(modelText)
	if err != nil {
		return nil, fmt.Errorf("read role model: %w", err)
	}
	e, err := casbin.NewEnforcer(m, stringadapter.NewAdapter(policy(roles)))
	if err != nil {
		return nil, err
	}
	d := &decider{enforcer: e, known: map[tenancy.Action]bool{}, decided: map[grant]bool{}}
	for _, act := range append(tenancy.Actions(), tenancy.PlatformActions()...) {
		d.known[act] = true
	}
	return d, nil
}

// policy writes roles in casbin's form.
func policy(roles map[string][]tenancy.Action) string {
	var b strings.Builder
	for role, actions := range roles {
		for _, act := range actions {
			fmt.Fprintf(&b, "p, %s, %s\n", role, act)
		}
	}
	return b.String()
}

func (d *decider) may(role string, act tenancy.Action) (bool, error) {
	d.mu.RLock()
	may, ok := d.decided[grant{role, act}]
	d.mu.RUnlock()
	if ok {
		return may, nil
	}
	may, err := d.enforcer.Enforce(role, string(act))
	if err != nil {
		return false, fmt.Errorf("decide %s for %s: %w", act, role, err)
	}
	if d.known[act] { // what callers make up is not remembered
		d.mu.Lock()
		d.decided[grant{role, act}] = may
		d.mu.Unlock()
	}
	return may, nil
}
