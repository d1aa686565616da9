package client

import (
	"context"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/millwright-io/millwright/deploy/internal/command"
	"github.com/millwright-io/millwright/deploy/internal/rpc"
	memberv1 "github.com/millwright-io/millwright/proto/gen/millwright/member/v1"
	tenantv1 "github.com/millwright-io/millwright/proto/gen/millwright/tenant/v1"
)

func memberCommands() []command.Command {
	return []command.Command{{
		Name: "member list", Summary: "list the people of the tenant, and who is invited",
		Prepare: plain(listMembers),
	}, {
		Name: "member invite", Args: "EMAIL", Summary: "send an e-mail with a link that makes its reader a member",
		Prepare: roleVerb(inviteMember),
	}, {
		Name: "member update", Args: "EMAIL_OR_ID", Summary: "give a member another role and other facilities",
		Prepare: roleVerb(updateMember),
	}, {
		Name: "member remove", Args: "EMAIL_OR_ID", Summary: "take a person out of the tenant, or an invitation back",
		Prepare: plain(removeMember),
	}, {
		Name: "member resend", Args: "EMAIL_OR_ID", Summary: "send an invitation again; its earlier link ends",
		Prepare: plain(resendInvitation),
	}, {
		Name: "member accept", Args: "LINK", Summary: "accept an invitation by the link of its e-mail, or what follows the #; you act for that organisation then",
		Prepare: signedIn(acceptInvitation),
	}, {
		Name: "member leave", Summary: "leave an organisation; its last owner cannot",
		Prepare: confirmedVerb(func(ctx context.Context, c *call, slug string) error {
			answer, err := c.Members.Leave(ctx, &memberv1.LeaveRequest{})
			return c.answer(answer, err, func(w io.Writer) { _, _ = fmt.Fprintf(w, "you are no member of %s any more\n", slug) })
		}),
	}}
}

// roleVerb is a verb with the flags --role and --facilities.
func roleVerb(run func(ctx context.Context, c *call, given *memberv1.Member) error) func(fs *flag.FlagSet) command.Run {
	return verb(func(fs *flag.FlagSet) func(context.Context, *call) error {
		given := fs.String("role", "viewer", roleWords)
		facilities := fs.String("facilities", "", "the facilities that the person is confined to, with commas between; empty: all")
		return func(ctx context.Context, c *call) (err error) {
			m := &memberv1.Member{Facilities: words(*facilities)}
			if m.Role, m.CustomRole, err = role(*given); err != nil {
				return err
			}
			return run(ctx, c, m)
		}
	})
}

func listMembers(ctx context.Context, c *call) error {
	answer, err := c.Members.List(ctx, &memberv1.ListRequest{})
	if err != nil || c.json {
		return c.answer(answer, err, nil)
	}
	invited, err := c.Members.ListInvitations(ctx, &memberv1.ListInvitationsRequest{})
	return c.answer(invited, err, func(w io.Writer) {
		printMembers(w, answer.GetMembers())
		if len(invited.GetInvitations()) > 0 {
			_, _ = fmt.Fprintln(w)
			printInvitations(w, invited.GetInvitations())
		}
	})
}

func printMembers(w io.Writer, members []*memberv1.Member) {
	table(w, "MEMBER EMAIL ROLE FACILITIES SINCE", func(row func(...any)) {
		for _, m := range members {
			row(m.GetMemberId(), m.GetEmail(), roleWord(m), strings.Join(m.GetFacilities(), ","), at(m.GetCreatedAt()))
		}
	})
}

func printInvitations(w io.Writer, invitations []*memberv1.Invitation) {
	table(w, "INVITATION EMAIL ROLE FACILITIES STATUS EXPIRES FAILURE", func(row func(...any)) {
		for _, i := range invitations {
			row(i.GetInvitationId(), i.GetEmail(), roleWord(i), strings.Join(i.GetFacilities(), ","),
				word(i.GetStatus(), "INVITATION_STATUS_"), at(i.GetExpiresAt()), i.GetFailure())
		}
	})
}

func inviteMember(ctx context.Context, c *call, given *memberv1.Member) error {
	answer, err := c.Members.Invite(ctx, &memberv1.InviteRequest{Email: c.args[0], Role: given.GetRole(), CustomRole: given.GetCustomRole(), Facilities: given.GetFacilities()})
	return c.answer(answer, err, func(w io.Writer) { printInvitations(w, []*memberv1.Invitation{answer.GetInvitation()}) })
}

func updateMember(ctx context.Context, c *call, given *memberv1.Member) error {
	id, err := memberID(ctx, c)
	if err != nil {
		return err
	}
	answer, err := c.Members.Update(ctx, &memberv1.UpdateRequest{MemberId: id, Role: given.GetRole(), CustomRole: given.GetCustomRole(), Facilities: given.GetFacilities()})
	return c.answer(answer, err, func(w io.Writer) { printMembers(w, []*memberv1.Member{answer.GetMember()}) })
}

// invitation looks an invitation up by its id or the address that it went to.
func invitation(ctx context.Context, c *call) (id string, err error) {
	open, err := c.Members.ListInvitations(ctx, &memberv1.ListInvitationsRequest{})
	if err != nil {
		return "", rpc.Explain(err)
	}
	for _, i := range open.GetInvitations() {
		if strings.EqualFold(i.GetEmail(), c.args[0]) || i.GetInvitationId() == c.args[0] {
			return i.GetInvitationId(), nil
		}
	}
	return "", nil
}

func resendInvitation(ctx context.Context, c *call) error {
	id, err := invitation(ctx, c)
	if err != nil {
		return err
	}
	if id == "" {
		return fmt.Errorf("nobody is invited as %s; see `millwright member list`", c.args[0])
	}
	answer, err := c.Members.ResendInvitation(ctx, &memberv1.ResendInvitationRequest{InvitationId: id})
	return c.answer(answer, err, func(w io.Writer) { printInvitations(w, []*memberv1.Invitation{answer.GetInvitation()}) })
}

func acceptInvitation(ctx context.Context, c *call) error {
	answer, err := c.Members.AcceptInvitation(ctx, &memberv1.AcceptInvitationRequest{Token: c.args[0][strings.LastIndexByte(c.args[0], '#')+1:]})
	if err == nil {
		err = c.KeepTenant(answer.GetMembership().GetTenant())
	}
	return c.answer(answer, err, func(w io.Writer) { printMemberships(w, []*tenantv1.Membership{answer.GetMembership()}) })
}

// removeMember takes an invitation back when no member has the address.
func removeMember(ctx context.Context, c *call) error {
	taken, err := invitation(ctx, c)
	if err != nil {
		return err
	}
	if taken != "" {
		answer, err := c.Members.RevokeInvitation(ctx, &memberv1.RevokeInvitationRequest{InvitationId: taken})
		return c.answer(answer, err, func(w io.Writer) { _, _ = fmt.Fprintf(w, "revoked the invitation of %s\n", c.args[0]) })
	}
	id, err := memberID(ctx, c)
	if err != nil {
		return err
	}
	answer, err := c.Members.Remove(ctx, &memberv1.RemoveRequest{MemberId: id})
	return c.answer(answer, err, func(w io.Writer) { _, _ = fmt.Fprintf(w, "removed %s\n", c.args[0]) })
}

// memberID looks an e-mail address up.
func memberID(ctx context.Context, c *call) (string, error) {
	if !strings.Contains(c.args[0], "@") {
		return c.args[0], nil
	}
	list, err := c.Members.List(ctx, &memberv1.ListRequest{})
	if err != nil {
		return "", c.answer(list, err, nil)
	}
	i := slices.IndexFunc(list.GetMembers(), func(m *memberv1.Member) bool { return strings.EqualFold(m.GetEmail(), c.args[0]) })
	if i < 0 {
		return "", fmt.Errorf("the tenant has no member %s; see `millwright member list`", c.args[0])
	}
	return list.GetMembers()[i].GetMemberId(), nil
}
