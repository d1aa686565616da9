// Package bulk registers and changes many devices at once, each by a job whose items are what people could do one by one:
// the same rules, audit entries and limits hold. rpc and the composition root import it; it imports no vendor and no
// generated code.
package bulk

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/millwright-io/millwright/controlplane/internal/device"
	"github.com/millwright-io/millwright/controlplane/internal/group"
	"github.com/millwright-io/millwright/controlplane/internal/job"
	"github.com/millwright-io/millwright/tenancy"
)

// The kinds of jobs.
const (
	KindImport job.Kind = "device.import"
	KindAct    job.Kind = "device.act"
)

// Store finds devices.
type Store interface {
	// ExistingDevices returns those of the ids that are taken.
	ExistingDevices(ctx context.Context, id tenancy.ID, ids []string) ([]string, error)
	Group(ctx context.Context, id tenancy.ID, group string) (group.Group, error)
	GroupMembers(ctx context.Context, id tenancy.ID, group, after string, facilities []string, limit int) ([]string, error)
	Find(ctx context.Context, id tenancy.ID, q group.Query, first int) (group.Found, error)
}

// Service begins such jobs.
type Service struct {
	store      Store
	queries    group.Queries
	jobs       *job.Service
	authorizer tenancy.Authorizer
}

// NewService returns a service. What a job does to devices needs its own right, which the authorizer knows of.
func NewService(store Store, queries group.Queries, jobs *job.Service, authorizer tenancy.Authorizer) *Service {
	return &Service{store: store, queries: queries, jobs: jobs, authorizer: authorizer}
}

// Workers do the items of the jobs.
func Workers(devices *device.Service) map[job.Kind]job.Worker {
	return map[job.Kind]job.Worker{KindImport: importer{devices}, KindAct: actor{devices}}
}

// Bundle is what an item leaves for the job's owner.
type Bundle struct {
	Certificate string `json:"certificate_pem"`
	// PrivateKey is empty where a CSR was given.
	PrivateKey string `json:"private_key_pem,omitempty"`
}

func bundle(c device.Credentials) ([]byte, error) {
	text, err := json.Marshal(Bundle{Certificate: c.Certificate, PrivateKey: c.PrivateKey})
	if err != nil {
		return nil, fmt.Errorf("encode credentials: %w", err)
	}
	return text, nil
}

// Import is what is known of a file, and the job if there is one.
type Import struct {
	Job     *job.Job
	Columns []string
	Rows    int
	Bad     []job.Item
}

// Import registers the devices of a CSV file; with only, it tells what would be done.
func (s *Service) Import(ctx context.Context, p tenancy.Principal, csv string, only bool) (Import, error) {
	if err := s.authorizer.Authorize(ctx, p, tenancy.ActionCertificatesWrite); err != nil {
		return Import{}, err
	}
	columns, items, err := parse(csv)
	if err != nil {
		return Import{}, err
	}
	if err := s.markTaken(ctx, p.Tenant, items); err != nil {
		return Import{}, err
	}
	if err := markOutOfReach(p, items); err != nil {
		return Import{}, err
	}
	out := Import{Columns: columns, Rows: len(items)}
	for _, i := range items {
		if i.Error != "" {
			out.Bad = append(out.Bad, i)
		}
	}
	if only {
		return out, nil
	}
	j, err := s.jobs.Start(ctx, p, KindImport, fmt.Sprintf("Import %d devices", len(items)), nil, items)
	out.Job = &j
	return out, err
}

// markTaken finds the rows whose devices exist before the work begins.
func (s *Service) markTaken(ctx context.Context, id tenancy.ID, items []job.Item) error {
	ids := make([]string, 0, len(items))
	for _, i := range items {
		if i.Error == "" {
			ids = append(ids, i.Name)
		}
	}
	taken, err := s.store.ExistingDevices(ctx, id, ids)
	if err != nil {
		return err
	}
	slices.Sort(taken)
	for n, i := range items {
		if _, found := slices.BinarySearch(taken, i.Name); found && i.Error == "" {
			items[n].Error, items[n].Input = "there is a device "+i.Name+" already, or was one that is retired: choose another id", ""
		}
	}
	return nil
}

// markOutOfReach finds the rows that a caller who is confined to facilities may not make: they would fail one by one.
func markOutOfReach(p tenancy.Principal, items []job.Item) error {
	if len(p.Facilities) == 0 {
		return nil
	}
	for n, i := range items {
		if i.Error != "" {
			continue
		}
		var r row
		if err := json.Unmarshal([]byte(i.Input), &r); err != nil {
			return fmt.Errorf("decode row %d: %w", i.Number, err)
		}
		if !p.Sees(r.Facility) {
			items[n].Error, items[n].Input = fmt.Sprintf("facility %q: you may have devices at %s only", r.Facility, strings.Join(p.Facilities, ", ")), ""
		}
	}
	return nil
}

type importer struct{ devices *device.Service }

// Do implements job.Worker.
func (w importer) Do(ctx context.Context, j job.Job, i job.Item) ([]byte, error) {
	var r row
	if err := json.Unmarshal([]byte(i.Input), &r); err != nil {
		return nil, fmt.Errorf("decode row %d: %w", i.Number, err)
	}
	_, credentials, err := w.devices.Create(ctx, j.Principal, r.device(), r.CSR)
	if err != nil {
		return nil, err
	}
	return bundle(credentials)
}
