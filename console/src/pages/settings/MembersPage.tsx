/** Settings: the people of the organisation. */
import { useState, type FormEvent } from "react";
import { explain } from "../../api/errors";
import { Role, useAddMember, useMembers, useRemoveMember, type Member } from "../../api/tenant";
import { RoleField } from "../../forms/RoleField";
import { formatDate, millis } from "../../format/time";
import { roleName, useSession } from "../../hooks/useSession";
import { Badge } from "../../ui/Badge";
import { Button } from "../../ui/Button";
import { Confirm } from "../../ui/Dialog";
import { TextField } from "../../ui/Field";
import { Panel } from "../../ui/Panel";
import { ErrorPanel, SkeletonRows } from "../../ui/States";
import table from "../../ui/Table.module.css";
import { useToasts } from "../../ui/Toasts";
import { Gate } from "./Gate";
import styles from "./Settings.module.css";

export default function MembersPage() {
  return (
    <Gate permission="manageMembers">
      <AddMember />
      <MemberList />
    </Gate>
  );
}

function AddMember() {
  const [email, setEmail] = useState("");
  const [role, setRole] = useState(Role.VIEWER);
  const add = useAddMember();
  const toasts = useToasts();
  async function send(event: FormEvent) {
    event.preventDefault();
    try {
      await add.mutateAsync({ email: email.trim(), role });
      toasts.done(`${email.trim()} is a member now`);
      setEmail("");
    } catch {
      // Shown at the field from the mutation's own state.
    }
  }
  return (
    <Panel title="Add a person" note="They need an account first; ask them to sign up here.">
      <form className={styles.inline} onSubmit={send} noValidate>
        <TextField label="E-mail address" type="email" value={email} error={add.isError ? explain(add.error).detail : undefined} onChange={(e) => setEmail(e.target.value)} />
        <RoleField value={role} onChange={setRole} />
        <Button kind="primary" type="submit" busy={add.isPending} disabledReason={email.includes("@") ? undefined : "Enter an e-mail address first."}>
          Add
        </Button>
      </form>
    </Panel>
  );
}

function MemberList() {
  const { email: own } = useSession();
  const { data, error, refetch } = useMembers();
  const [leaving, setLeaving] = useState<Member>();
  const remove = useRemoveMember();
  const toasts = useToasts();
  const owners = data?.members.filter((m) => m.role === Role.OWNER).length ?? 0;

  async function take() {
    if (!leaving) return;
    try {
      await remove.mutateAsync({ memberId: leaving.memberId });
      toasts.done(`${leaving.email} was removed`);
    } catch (failure) {
      toasts.failed(`Could not remove ${leaving.email}`, explain(failure).detail);
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
                  <Badge tone={member.role === Role.OWNER ? "accent" : "steel"}>{roleName(member.role)}</Badge>
                </td>
                <td data-label="Since" className={table.muted}>
                  {formatDate(millis(member.createdAt) ?? 0)}
                </td>
                <td className={table.end}>
                  <Button size="small" kind="quiet" icon="trash" disabledReason={member.role === Role.OWNER && owners === 1 ? "The last owner cannot be removed." : undefined} onClick={() => setLeaving(member)}>
                    Remove
                  </Button>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <Confirm title={`Remove ${leaving?.email ?? ""}?`} open={leaving !== undefined} onClose={() => setLeaving(undefined)} onConfirm={take} confirm="Remove" busy={remove.isPending}>
        They lose access to this organisation at once. Their account stays.
      </Confirm>
    </Panel>
  );
}
