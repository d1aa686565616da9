/** The members: change a role, confine to facilities, remove, leave. */
import { useState } from "react";
import { explain } from "../../../api/errors";
import { useLeave, useMembers, useRemoveMember, type Member } from "../../../api/member";
import { Role } from "../../../api/tenant";
import { formatDate, millis } from "../../../format/time";
import { roleName, useSession } from "../../../hooks/useSession";
import { forgetEverything } from "../../../layouts/enterTenant";
import { paths } from "../../../paths";
import { ActionCell } from "../../../ui/ActionCell";
import { Badge } from "../../../ui/Badge";
import { Button } from "../../../ui/Button";
import { Confirm } from "../../../ui/Dialog";
import { Panel } from "../../../ui/Panel";
import { ErrorPanel, SkeletonRows } from "../../../ui/States";
import table from "../../../ui/Table.module.css";
import { useToasts } from "../../../ui/Toasts";
import { EditMember } from "./EditMember";

export function MemberList({ refusal }: { refusal: string | undefined }) {
  const { email: own, tenant } = useSession();
  const { data, error, refetch } = useMembers();
  const [editing, setEditing] = useState<Member>();
  const [leaving, setLeaving] = useState<Member>();
  const remove = useRemoveMember();
  const leave = useLeave();
  const toasts = useToasts();
  const self = leaving?.email === own;
  const owners = data?.members.filter((m) => m.role === Role.OWNER).length ?? 0;
  const last = (member: Member) => (member.role === Role.OWNER && owners === 1 ? "The last owner stays: make somebody else an owner first." : undefined);

  async function take() {
    if (!leaving) return;
    try {
      if (self) {
        await leave.mutateAsync({});
        forgetEverything();
        globalThis.location.assign(paths.home());
        return;
      }
      await remove.mutateAsync({ memberId: leaving.memberId });
      toasts.done(`${leaving.email} was removed`);
    } catch (failure) {
      toasts.failed(self ? "Could not leave" : `Could not remove ${leaving.email}`, explain(failure).detail);
    }
    setLeaving(undefined);
  }

  return (
    <Panel title="Members" flush>
      {error && <ErrorPanel {...explain(error)} onRetry={refetch} />}
      {!data && !error && <SkeletonRows rows={3} />}
      {data && (
        <table className={table.table}>
          <thead>
            <tr>
              <th scope="col">Person</th>
              <th scope="col">Role</th>
              <th scope="col">Facilities</th>
              <th scope="col">Since</th>
              <th scope="col">
                <span className="visually-hidden">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {data.members.map((member) => (
              <tr key={member.memberId}>
                <td data-lead>
                  {member.email} {member.email === own && <span className={table.muted}>(you)</span>}
                </td>
                <td data-label="Role">
                  <Badge tone={member.role === Role.OWNER ? "accent" : "steel"}>{roleName(member)}</Badge>
                </td>
                <td data-label="Facilities" className={table.muted}>
                  {member.facilities.length > 0 ? member.facilities.join(", ") : "all"}
                </td>
                <td data-label="Since" className={table.muted}>
                  {formatDate(millis(member.createdAt) ?? 0)}
                </td>
                <ActionCell>
                  <Button size="small" kind="quiet" disabledReason={refusal ?? last(member)} onClick={() => setEditing(member)}>
                    Change
                  </Button>
                  <Button size="small" kind="quiet" icon={member.email === own ? "out" : "trash"} disabledReason={(member.email === own ? undefined : refusal) ?? last(member)} onClick={() => setLeaving(member)}>
                    {member.email === own ? "Leave" : "Remove"}
                  </Button>
                </ActionCell>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <EditMember member={editing} onClose={() => setEditing(undefined)} />
      <Confirm
        title={self ? `Leave ${tenant.name}?` : `Remove ${leaving?.email ?? ""}?`}
        open={leaving !== undefined}
        onClose={() => setLeaving(undefined)}
        onConfirm={take}
        confirm={self ? "Leave" : "Remove"}
        busy={remove.isPending || leave.isPending}
      >
        {self ? "You lose access to this organisation at once. Somebody has to invite you to come back." : "They lose access to this organisation at once. Their account stays."}
      </Confirm>
    </Panel>
  );
}
