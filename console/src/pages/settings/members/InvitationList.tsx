/** Invitations that nobody has accepted yet: what became of their e-mail, send again, take back. */
import { explain } from "../../../api/errors";
import { InvitationStatus, useInvitations, useResend, useRevokeInvitation, type Invitation } from "../../../api/member";
import { formatUntil, millis } from "../../../format/time";
import { useNow } from "../../../hooks/useNow";
import { roleName } from "../../../hooks/useSession";
import { ActionCell } from "../../../ui/ActionCell";
import { Badge, type Tone } from "../../../ui/Badge";
import { Button } from "../../../ui/Button";
import { Panel } from "../../../ui/Panel";
import { ErrorPanel } from "../../../ui/States";
import table from "../../../ui/Table.module.css";
import { useToasts } from "../../../ui/Toasts";

const statuses: Record<InvitationStatus, [string, Tone]> = {
  [InvitationStatus.UNSPECIFIED]: ["unknown", "steel"],
  [InvitationStatus.QUEUED]: ["sending", "steel"],
  [InvitationStatus.SENT]: ["sent", "accent"],
  [InvitationStatus.FAILED]: ["not delivered", "rust"],
  [InvitationStatus.EXPIRED]: ["expired", "brass"],
};

export function InvitationList({ refusal }: { refusal: string | undefined }) {
  const { data, error, refetch } = useInvitations();
  if (error) return <ErrorPanel {...explain(error)} onRetry={refetch} />;
  if (!data || data.invitations.length === 0) return null;
  return (
    <Panel title="Invitations" flush>
      <table className={table.table}>
        <thead>
          <tr>
            <th scope="col">Person</th>
            <th scope="col">Role</th>
            <th scope="col">E-mail</th>
            <th scope="col">Expires</th>
            <th scope="col">
              <span className="visually-hidden">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {data.invitations.map((invitation) => (
            <Row key={invitation.invitationId} invitation={invitation} refusal={refusal} />
          ))}
        </tbody>
      </table>
    </Panel>
  );
}

function Row({ invitation, refusal }: { invitation: Invitation; refusal: string | undefined }) {
  const { invitationId, email, facilities, status, failure, expiresAt } = invitation;
  const now = useNow(60_000);
  const resend = useResend();
  const revoke = useRevokeInvitation();
  const toasts = useToasts();
  const [word, tone] = statuses[status];
  const attempt = (what: Promise<unknown>, done: string, failed: string) => what.then(() => toasts.done(done)).catch((e: unknown) => toasts.failed(failed, explain(e).detail));
  return (
    <tr>
      <td data-lead>{email}</td>
      <td data-label="Role">
        <Badge>{roleName(invitation)}</Badge> {facilities.length > 0 && <span className={table.muted}>{facilities.join(", ")}</span>}
      </td>
      <td data-label="E-mail">
        <Badge tone={tone}>{word}</Badge> {failure && <span className={table.muted}>{failure}</span>}
      </td>
      <td data-label="Expires" className={table.muted}>
        {formatUntil(millis(expiresAt) ?? 0, now)}
      </td>
      <ActionCell>
        <Button size="small" kind="quiet" icon="refresh" busy={resend.isPending} disabledReason={refusal} onClick={() => attempt(resend.mutateAsync({ invitationId }), `A new link is on its way to ${email}`, "Could not send it")}>
          Send again
        </Button>
        <Button size="small" kind="quiet" icon="trash" busy={revoke.isPending} disabledReason={refusal} onClick={() => attempt(revoke.mutateAsync({ invitationId }), `The invitation of ${email} is void`, "Could not revoke it")}>
          Revoke
        </Button>
      </ActionCell>
    </tr>
  );
}
