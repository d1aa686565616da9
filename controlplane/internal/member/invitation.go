package member

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/millwright-io/millwright/controlplane/internal/audit"
	"github.com/millwright-io/millwright/tenancy"
)

// Lifetime is how long an invitation is good for.
const Lifetime = 7 * 24 * time.Hour

// Invitation asks somebody to become a member. It is gone once they are.
type Invitation struct {
	ID         string       `json:"invitation_id"`
	Tenant     tenancy.ID   `json:"-"`
	Email      string       `json:"email"`
	Role       tenancy.Role `json:"role"`
	Facilities []string     `json:"facilities,omitempty"`
	InvitedBy  string       `json:"invited_by"`
	CreatedAt  time.Time    `json:"created_at"`
	ExpiresAt  time.Time    `json:"expires_at"`
	// SentAt is zero until the mail server took the e-mail.
	SentAt time.Time `json:"-"`
	// Failure says why it did not.
	Failure string `json:"-"`
	// TokenHash is the SHA-256 of the link's token; nil until the e-mail is sent.
	TokenHash []byte `json:"-"`
}

// InvitationStore keeps invitations. Every change writes its audit entry in the same transaction.
type InvitationStore interface {
	Invitations(ctx context.Context, id tenancy.ID) ([]Invitation, error)
	Invitation(ctx context.Context, id tenancy.ID, invitation string) (Invitation, error)
	// PutInvitation replaces one of the same address and queues its e-mail. It fails with ErrExists when the address is a
	// member's, and with a *tenancy.LimitError when members and invitations have reached the limit of members.
	PutInvitation(ctx context.Context, i Invitation, e audit.Entry) error
	DeleteInvitation(ctx context.Context, id tenancy.ID, invitation string, e audit.Entry) error
	// PresentedInvitation returns the invitation that a token names, of whatever tenant.
	PresentedInvitation(ctx context.Context, invitation string) (Invitation, error)
	// AcceptInvitation makes the person a member and their session act for the tenant, and deletes the invitation. It fails
	// with ErrNotFound when the invitation is gone or was sent anew.
	AcceptInvitation(ctx context.Context, i Invitation, m Member, session string, e audit.Entry) error
}

// Invitations invites people.
type Invitations struct {
	store  InvitationStore
	rights Rights
	mails  bool
	now    func() time.Time
}

// NewInvitations returns a service. mails tells whether there is a mail server; without one nobody can be invited.
func NewInvitations(store InvitationStore, rights Rights, mails bool, now func() time.Time) *Invitations {
	return &Invitations{store: store, rights: rights, mails: mails, now: now}
}

// Now is the service's clock.
func (s *Invitations) Now() time.Time { return s.now() }

// List returns the open invitations, newest first.
func (s *Invitations) List(ctx context.Context, id tenancy.ID) ([]Invitation, error) {
	return s.store.Invitations(ctx, id)
}

// Invite asks somebody to become a member with at most the caller's own role.
func (s *Invitations) Invite(ctx context.Context, p tenancy.Principal, email string, role tenancy.Role, facilities []string) (Invitation, error) {
	if err := grantable(ctx, s.rights, p, role, facilities); err != nil {
		return Invitation{}, err
	}
	if !s.mails {
		return Invitation{}, fmt.Errorf("this installation sends no e-mail: its operator has to name a mail server: %w", tenancy.ErrConflict)
	}
	now := s.now().UTC()
	i := Invitation{
		ID: string(tenancy.NewID()), Tenant: p.Tenant, Email: tenancy.NormalizeEmail(email), Role: role,
		Facilities: slices.Sorted(slices.Values(facilities)), InvitedBy: p.Actor, CreatedAt: now, ExpiresAt: now.Add(Lifetime),
	}
	return i, s.store.PutInvitation(ctx, i, audit.Of(ctx, p, now, "invitation/"+i.ID, i))
}

// Resend queues the e-mail again, with a new link.
func (s *Invitations) Resend(ctx context.Context, p tenancy.Principal, id string) (Invitation, error) {
	i, err := s.store.Invitation(ctx, p.Tenant, id)
	if err != nil {
		return Invitation{}, err
	}
	if err := s.rights.Covers(ctx, p, i.Role, nil); err != nil {
		return Invitation{}, err
	}
	now := s.now().UTC()
	i.ExpiresAt, i.SentAt, i.Failure, i.TokenHash = now.Add(Lifetime), time.Time{}, "", nil
	return i, s.store.PutInvitation(ctx, i, audit.Of(ctx, p, now, "invitation/"+i.ID, i))
}

// Revoke makes the link useless.
func (s *Invitations) Revoke(ctx context.Context, p tenancy.Principal, id string) error {
	i, err := s.store.Invitation(ctx, p.Tenant, id)
	if err != nil {
		return err
	}
	return s.store.DeleteInvitation(ctx, p.Tenant, id, audit.Of(ctx, p, s.now(), "invitation/"+id, nil).From(i))
}

const tokenLength = 48

// NewToken makes the secret of an invitation's link, and what the store keeps of it.
func NewToken(invitation string) (token string, hash []byte) {
	token = invitation + string(tenancy.NewID()) + string(tenancy.NewID()) // 160 random bits
	sum := sha256.Sum256([]byte(token))
	return token, sum[:]
}

// Accept makes the signed-in person a member. Their address must be the invited one, and p.Actor is an address that the
// identity server vouches for.
func (s *Invitations) Accept(ctx context.Context, p tenancy.Principal, token string) (tenancy.ID, error) {
	stale := fmt.Errorf("this invitation has expired, was revoked or was accepted already: ask for a new one: %w", tenancy.ErrNotFound)
	if len(token) != tokenLength {
		return "", stale
	}
	i, err := s.store.PresentedInvitation(ctx, token[:tokenLength/3])
	if errors.Is(err, tenancy.ErrNotFound) {
		return "", stale
	}
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(token))
	now := s.now().UTC()
	if subtle.ConstantTimeCompare(sum[:], i.TokenHash) != 1 || !now.Before(i.ExpiresAt) {
		return "", stale
	}
	if tenancy.NormalizeEmail(p.Actor) != i.Email {
		return "", fmt.Errorf("this invitation is for another e-mail address than yours, %s: sign in with the invited one: %w", p.Actor, tenancy.ErrForbidden)
	}
	m := Member{ID: p.Subject, Email: i.Email, Role: i.Role, Facilities: i.Facilities, CreatedAt: now}
	p.Tenant = i.Tenant
	return i.Tenant, s.store.AcceptInvitation(ctx, i, m, p.Session, audit.Of(ctx, p, now, "member/"+m.ID, m))
}
