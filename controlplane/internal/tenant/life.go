package tenant

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/millwright-io/millwright/controlplane/internal/audit"
	"github.com/millwright-io/millwright/controlplane/internal/name"
	"github.com/millwright-io/millwright/tenancy"
)

// Suspension says why a tenant is not served.
type Suspension struct {
	Reason string    `json:"reason"`
	At     time.Time `json:"suspended_at"`
}

// Deletion says when a tenant will be removed.
type Deletion struct {
	// Person asked for it; By is how they are shown.
	Person      string    `json:"-"`
	By          string    `json:"requested_by"`
	RequestedAt time.Time `json:"requested_at"`
	// DueAt is when it cannot be cancelled any more.
	DueAt time.Time `json:"due_at"`
}

// Letter is an e-mail that tells a person of something.
type Letter struct{ To, Subject, Text string }

// LifeStore changes whether and for whom a tenant is served. Every change writes its audit entry, its outbox row and its
// letters in the same transaction.
type LifeStore interface {
	// SetSuspension suspends the tenant, or resumes it when the suspension is the zero value.
	SetSuspension(ctx context.Context, id tenancy.ID, s Suspension, e audit.Entry) error
	// TransferOwnership makes to an owner and from an admin. It fails with ErrNotFound when to is no member and with
	// ErrConflict when from is no owner any more. The letters go to both.
	TransferOwnership(ctx context.Context, id tenancy.ID, from, to string, at time.Time, e audit.Entry, tell func(from, to string) []Letter) error
	// ScheduleDeletion fails with ErrConflict when the deletion was asked for already. The letter goes to every owner.
	ScheduleDeletion(ctx context.Context, id tenancy.ID, d Deletion, e audit.Entry, tell func(owner string) Letter) error
	// CancelDeletion fails with ErrConflict when there is none, or when it has begun.
	CancelDeletion(ctx context.Context, id tenancy.ID, now time.Time, e audit.Entry) error
	// Removed returns what became of the tenants whose deletion the person asked for, newest first.
	Removed(ctx context.Context, person string) ([]Removed, error)
}

// maxReason bounds a reason in characters; devices are told it.
const maxReason = 200

// Suspend stops serving a tenant at once; its data is kept. p is an operator of the platform.
func (s *Service) Suspend(ctx context.Context, p tenancy.Principal, id tenancy.ID, reason string) (Tenant, error) {
	reason = strings.Join(strings.Fields(reason), " ")
	if n := len([]rune(reason)); n == 0 || n > maxReason {
		return Tenant{}, fmt.Errorf("reason: want 1 to %d characters that tell the tenant why: %w", maxReason, tenancy.ErrInvalid)
	}
	if err := name.CheckNote("reason", reason, maxReason); err != nil {
		return Tenant{}, err
	}
	return s.setSuspension(ctx, p, id, Suspension{Reason: reason, At: s.now().UTC()})
}

// Resume serves a suspended tenant again; for one that is served it changes nothing.
func (s *Service) Resume(ctx context.Context, p tenancy.Principal, id tenancy.ID) (Tenant, error) {
	return s.setSuspension(ctx, p, id, Suspension{})
}

func (s *Service) setSuspension(ctx context.Context, p tenancy.Principal, id tenancy.ID, to Suspension) (Tenant, error) {
	t, err := s.store.Tenant(ctx, id)
	if err != nil {
		return Tenant{}, err
	}
	p.Tenant = id
	e := audit.Of(ctx, p, s.now(), object(id), map[string]string{"suspension": to.Reason}).From(map[string]string{"suspension": t.Suspension.Reason})
	if err := s.store.SetSuspension(ctx, id, to, e); err != nil {
		return Tenant{}, err
	}
	return s.store.Tenant(ctx, id)
}

// confirmed wants the tenant's slug, typed.
func confirmed(t Tenant, typed string) error {
	if typed != t.Slug {
		return fmt.Errorf("confirm %q: type the organisation's short name, %s: %w", typed, t.Slug, tenancy.ErrInvalid)
	}
	return nil
}

// TransferOwnership makes another member an owner and the caller an admin.
func (s *Service) TransferOwnership(ctx context.Context, p tenancy.Principal, member, confirm string) (Membership, error) {
	t, err := s.store.Tenant(ctx, p.Tenant)
	if err != nil {
		return Membership{}, err
	}
	if err := confirmed(t, confirm); err != nil {
		return Membership{}, err
	}
	if member == p.Subject {
		return Membership{}, fmt.Errorf("member_id: you own the organisation already: %w", tenancy.ErrInvalid)
	}
	now := s.now().UTC()
	e := audit.Of(ctx, p, now, object(p.Tenant)+"/owner", map[string]string{"member_id": member}).From(map[string]string{"member_id": p.Subject})
	err = s.store.TransferOwnership(ctx, p.Tenant, p.Subject, member, now, e, func(from, to string) []Letter {
		subject := t.Name + " has another owner"
		return []Letter{
			{from, subject, fmt.Sprintf("You made %s the owner of %s on Millwright; you are an admin of it now.\n\nThis was not you? Write to %s and to your operator at once.\n", to, t.Name, to)},
			{to, subject, fmt.Sprintf("%s made you the owner of %s on Millwright.\n\nYou can now do everything in it, other owners and its end included.\n", from, t.Name)},
		}
	})
	if err != nil {
		return Membership{}, err
	}
	return s.Membership(ctx, p, p.Tenant)
}

// Delete asks for the tenant's end: it is served no longer, and removed when the grace period is over.
func (s *Service) Delete(ctx context.Context, p tenancy.Principal, confirm string) (Tenant, error) {
	t, err := s.store.Tenant(ctx, p.Tenant)
	if err != nil {
		return Tenant{}, err
	}
	if err := confirmed(t, confirm); err != nil {
		return Tenant{}, err
	}
	now := s.now().UTC()
	d := Deletion{Person: p.Subject, By: p.Actor, RequestedAt: now, DueAt: now.Add(s.grace)}
	e := audit.Of(ctx, p, now, object(p.Tenant)+"/deletion", d)
	err = s.store.ScheduleDeletion(ctx, p.Tenant, d, e, func(owner string) Letter {
		return Letter{
			To: owner, Subject: t.Name + " will be deleted",
			Text: fmt.Sprintf("%s asked for %s on Millwright to be deleted.\n\nIts devices are refused from now on. Everything is kept until %s; until then an owner can "+
				"cancel this in the organisation's settings. After that its telemetry, devices, certificates, people and keys are removed for good.\n",
				d.By, t.Name, d.DueAt.Format("2 January 2006 15:04 UTC")),
		}
	})
	if err != nil {
		return Tenant{}, err
	}
	return s.store.Tenant(ctx, p.Tenant)
}

// CancelDeletion takes the tenant back into service, as long as its removal has not begun.
func (s *Service) CancelDeletion(ctx context.Context, p tenancy.Principal) (Tenant, error) {
	t, err := s.store.Tenant(ctx, p.Tenant)
	if err != nil {
		return Tenant{}, err
	}
	e := audit.Of(ctx, p, s.now(), object(p.Tenant)+"/deletion", nil).From(t.Deletion)
	if err := s.store.CancelDeletion(ctx, p.Tenant, s.now().UTC(), e); err != nil {
		return Tenant{}, err
	}
	return s.store.Tenant(ctx, p.Tenant)
}

// Removed returns what became of the tenants whose deletion the person asked for.
func (s *Service) Removed(ctx context.Context, p tenancy.Principal) ([]Removed, error) {
	return s.store.Removed(ctx, p.Subject)
}

func object(id tenancy.ID) string { return "tenant/" + string(id) }
