package client

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/millwright-io/millwright/deploy/internal/rpc"
	"github.com/millwright-io/millwright/deploy/internal/session"
	tenantv1 "github.com/millwright-io/millwright/proto/gen/millwright/tenant/v1"
)

// who is what login and whoami print as JSON.
type who struct {
	Server       string          `json:"server"`
	Email        string          `json:"email"`
	SecondFactor bool            `json:"second_factor"`
	ExpiresAt    time.Time       `json:"expires_at"`
	Tenant       *session.Tenant `json:"tenant"`
	Role         string          `json:"role,omitempty"`
	// SecondFactorMissing: the organisation requires one and this session has none.
	SecondFactorMissing bool `json:"second_factor_missing"`
}

func printWho(w io.Writer, server string, login *rpc.Login, current *tenantv1.Membership, inJSON bool) error {
	out := who{Server: session.Origin(server), Email: login.Email, SecondFactor: login.SecondFactor, ExpiresAt: login.ExpiresAt.UTC()}
	name := "none"
	if t := current.GetTenant(); t != nil {
		out.Tenant = &session.Tenant{ID: t.GetTenantId(), Slug: t.GetSlug(), Name: t.GetName()}
		out.Role, out.SecondFactorMissing = roleWord(current), current.GetSecondFactorMissing()
		name = fmt.Sprintf("%s (%s), as %s", t.GetName(), t.GetSlug(), out.Role)
	}
	if inJSON {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(out)
	}
	table(w, "FIELD VALUE", func(row func(...any)) {
		row("server", out.Server)
		row("signed in", out.Email)
		row("second factor", map[bool]string{true: "yes", false: "no"}[out.SecondFactor])
		row("until", out.ExpiresAt.Format(time.RFC3339))
		row("organisation", name)
	})
	return nil
}
