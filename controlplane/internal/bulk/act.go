package bulk

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/millwright-io/millwright/controlplane/internal/device"
	"github.com/millwright-io/millwright/controlplane/internal/job"
	"github.com/millwright-io/millwright/tenancy"
)

// Action is what is done to each device.
type Action string

// The actions.
const (
	ActionSuspend            Action = "suspend"
	ActionResume             Action = "resume"
	ActionRetire             Action = "retire"
	ActionLabel              Action = "label"
	ActionIssueCertificate   Action = "issue_certificate"
	ActionRevokeCertificates Action = "revoke_certificates"
)

// actions says which right each needs and how a job that does it is called.
var actions = map[Action]struct {
	right tenancy.Action
	title string
}{
	ActionSuspend:            {tenancy.ActionDevicesOperate, "Suspend"},
	ActionResume:             {tenancy.ActionDevicesOperate, "Resume"},
	ActionRetire:             {tenancy.ActionDevicesWrite, "Retire"},
	ActionLabel:              {tenancy.ActionDevicesWrite, "Label"},
	ActionIssueCertificate:   {tenancy.ActionCertificatesWrite, "Issue certificates to"},
	ActionRevokeCertificates: {tenancy.ActionCertificatesWrite, "Revoke all certificates of"},
}

// Order is what is done.
type Order struct {
	Action       Action            `json:"action"`
	SetLabels    map[string]string `json:"set_labels,omitempty"`
	RemoveLabels []string          `json:"remove_labels,omitempty"`
}

// Selection chooses devices; one of its fields is set.
type Selection struct {
	Devices []string
	Group   string
	Query   string
}

// Act does one thing to every device of a selection that the caller sees.
func (s *Service) Act(ctx context.Context, p tenancy.Principal, o Order, sel Selection) (job.Job, error) {
	kind, ok := actions[o.Action]
	if !ok {
		return job.Job{}, fmt.Errorf("action %q is unknown: %w", o.Action, tenancy.ErrInvalid)
	}
	if err := s.authorizer.Authorize(ctx, p, kind.right); err != nil {
		return job.Job{}, err
	}
	if (o.Action == ActionLabel) != (len(o.SetLabels)+len(o.RemoveLabels) > 0) {
		return job.Job{}, fmt.Errorf("set_labels, remove_labels: they are given when devices are labelled, and only then: %w", tenancy.ErrInvalid)
	}
	if err := (device.Device{Labels: o.SetLabels}).Valid(); err != nil {
		return job.Job{}, err
	}
	ids, err := s.choose(ctx, p, sel)
	if err != nil {
		return job.Job{}, err
	}
	if len(ids) == 0 {
		return job.Job{}, fmt.Errorf("the selection has no device: %w", tenancy.ErrInvalid)
	}
	items := make([]job.Item, 0, len(ids))
	for i, id := range ids {
		items = append(items, job.Item{Number: i + 1, Name: id})
	}
	return s.jobs.Start(ctx, p, KindAct, fmt.Sprintf("%s %d devices", kind.title, len(ids)), o, items)
}

// choose returns the selected ids once each. Those that are named are not looked for: the job tells which are not there.
func (s *Service) choose(ctx context.Context, p tenancy.Principal, sel Selection) ([]string, error) {
	given := 0
	for _, is := range []bool{len(sel.Devices) > 0, sel.Group != "", sel.Query != ""} {
		if is {
			given++
		}
	}
	if given != 1 {
		return nil, fmt.Errorf("device_ids, group_id, query: give exactly one of them: %w", tenancy.ErrInvalid)
	}
	if sel.Group != "" {
		if _, err := s.store.Group(ctx, p.Tenant, sel.Group); err != nil {
			return nil, err
		}
		return s.store.GroupMembers(ctx, p.Tenant, sel.Group, "", p.Facilities, job.MaxItems+1)
	}
	if sel.Query != "" {
		q, err := s.queries.Compile(sel.Query)
		if err != nil {
			return nil, err
		}
		found, err := s.store.Find(ctx, p.Tenant, seen{q, p}, job.MaxItems+1)
		return found.First, err
	}
	ids := slices.Clone(sel.Devices)
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// seen is a query among the devices that a caller sees.
type seen struct {
	query interface{ Matches(d device.Device) bool }
	by    tenancy.Principal
}

func (q seen) Matches(d device.Device) bool {
	return q.by.Sees(d.Location.Facility) && q.query.Matches(d)
}

type actor struct{ devices *device.Service }

// Do implements job.Worker.
func (w actor) Do(ctx context.Context, j job.Job, i job.Item) (result []byte, err error) {
	var o Order
	if err := json.Unmarshal(j.Parameters, &o); err != nil {
		return nil, fmt.Errorf("decode order: %w", err)
	}
	switch o.Action {
	case ActionSuspend:
		_, err = w.devices.SetStatus(ctx, j.Principal, i.Name, device.StatusSuspended)
	case ActionResume:
		_, err = w.devices.SetStatus(ctx, j.Principal, i.Name, device.StatusActive)
	case ActionRetire:
		_, err = w.devices.Retire(ctx, j.Principal, i.Name)
	case ActionLabel:
		err = w.label(ctx, j.Principal, i.Name, o)
	case ActionIssueCertificate:
		var credentials device.Credentials
		if credentials, err = w.devices.IssueCertificate(ctx, j.Principal, i.Name, ""); err == nil {
			return bundle(credentials)
		}
	case ActionRevokeCertificates:
		err = w.revoke(ctx, j.Principal, i.Name)
	default:
		err = fmt.Errorf("action %q is unknown: %w", o.Action, tenancy.ErrInvalid)
	}
	return nil, err
}

func (w actor) label(ctx context.Context, p tenancy.Principal, id string, o Order) error {
	d, err := w.devices.Get(ctx, p, id)
	if err != nil {
		return err
	}
	labels := maps.Clone(d.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	maps.Copy(labels, o.SetLabels)
	for _, key := range o.RemoveLabels {
		delete(labels, key)
	}
	if maps.Equal(labels, d.Labels) {
		return nil
	}
	if len(labels) > maxLabels {
		return fmt.Errorf("labels: it would have %d and %d are allowed: %w", len(labels), maxLabels, tenancy.ErrInvalid)
	}
	_, err = w.devices.Update(ctx, p, id, d.Version, device.Change{Labels: &labels})
	return err
}

func (w actor) revoke(ctx context.Context, p tenancy.Principal, id string) error {
	d, err := w.devices.Get(ctx, p, id)
	if err != nil {
		return err
	}
	for _, c := range d.Certificates {
		if c.RevokedAt.IsZero() {
			if _, err := w.devices.RevokeCertificate(ctx, p, id, c.Serial); err != nil {
				return err
			}
		}
	}
	return nil
}
