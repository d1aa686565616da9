package tenant

import (
	"fmt"
	"slices"

	"github.com/millwright-io/millwright/tenancy"
)

// Plan is what a tenant is sold, with the limits of this installation.
type Plan struct {
	tenancy.Plan
	Limits Limits
}

// Plans returns every plan, smallest first; limits has those of each by name.
func Plans(limits map[string]Limits) []Plan {
	var list []Plan
	for _, p := range tenancy.Plans() {
		list = append(list, Plan{p, limits[p.Name]})
	}
	return list
}

// planOf returns the plan of that name; an ErrInvalid lists those that there are.
func planOf(plans []Plan, name string) (Plan, error) {
	if i := slices.IndexFunc(plans, func(p Plan) bool { return p.Name == name }); i >= 0 {
		return plans[i], nil
	}
	names := make([]string, 0, len(plans))
	for _, p := range plans {
		names = append(names, p.Name)
	}
	return Plan{}, fmt.Errorf("plan %q: want one of %v: %w", name, names, tenancy.ErrInvalid)
}
