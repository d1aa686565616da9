/** Settings: the roles of the organisation's own, and what every role may do. */
import { useState } from "react";
import { explain } from "../../api/errors";
import { useDeleteRole, useRoles, type RoleDefinition } from "../../api/role";
import { Role } from "../../api/tenant";
import { RoleForm } from "../../forms/RoleForm";
import { useRefusal, wordsOf } from "../../hooks/useSession";
import { ActionCell } from "../../ui/ActionCell";
import { Button } from "../../ui/Button";
import { Confirm, Dialog } from "../../ui/Dialog";
import { Panel } from "../../ui/Panel";
import { Empty, ErrorPanel, SkeletonRows } from "../../ui/States";
import table from "../../ui/Table.module.css";
import { useToasts } from "../../ui/Toasts";
import { RoleMatrix } from "./RoleMatrix";

export default function RolesPage() {
  const { data, error, refetch } = useRoles();
  const refusal = useRefusal("roles.write");
  const [editing, setEditing] = useState<RoleDefinition | "new">();
  const [ending, setEnding] = useState<RoleDefinition>();
  const remove = useDeleteRole();
  const toasts = useToasts();
  const own = data?.roles.filter((r) => r.role === Role.CUSTOM) ?? [];

  async function end() {
    if (!ending) return;
    try {
      await remove.mutateAsync({ customRole: ending.customRole });
      toasts.done(`The role ${ending.customRole} is gone`);
    } catch (failure) {
      toasts.failed("Could not delete it", explain(failure).detail);
    }
    setEnding(undefined);
  }

  const create = (
    <Button kind="primary" icon="plus" disabledReason={refusal} onClick={() => setEditing("new")}>
      Create role
    </Button>
  );
  return (
    <>
      <Panel title="Your own roles" note="For members, invitations, keys and service accounts. A change takes effect within a second." actions={own.length > 0 && create} flush>
        {error && <ErrorPanel {...explain(error)} onRetry={refetch} />}
        {!data && !error && <SkeletonRows rows={2} />}
        {data && own.length === 0 && (
          <Empty icon="people" title="No roles of your own" action={create}>
            When none of the roles below fits, build one from single permissions, for example a shift lead who suspends devices but sees no dead letters.
          </Empty>
        )}
        {own.length > 0 && (
          <table className={table.table}>
            <thead>
              <tr>
                <th scope="col">Role</th>
                <th scope="col">For whom</th>
                <th scope="col">May</th>
                <th scope="col">
                  <span className="visually-hidden">Actions</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {own.map((role) => (
                <tr key={role.customRole}>
                  <td data-lead>{role.customRole}</td>
                  <td data-label="For whom">{role.title || "–"}</td>
                  <td data-label="May" className={table.muted} title={role.actions.map(wordsOf).join(", ")}>
                    {role.actions.length} actions
                  </td>
                  <ActionCell>
                    <Button size="small" kind="quiet" disabledReason={refusal} onClick={() => setEditing(role)}>
                      Change
                    </Button>
                    <Button size="small" kind="quiet" icon="trash" disabledReason={refusal} onClick={() => setEnding(role)}>
                      Delete
                    </Button>
                  </ActionCell>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </Panel>
      <RoleMatrix />
      <Dialog title={editing === "new" ? "Create a role" : `Change ${editing?.customRole ?? ""}`} open={editing !== undefined} onClose={() => setEditing(undefined)}>
        {editing && data && (
          <RoleForm
            role={editing === "new" ? undefined : editing}
            offered={data.actions}
            onDone={(name) => {
              setEditing(undefined);
              toasts.done(`The role ${name} is as you made it`);
            }}
          />
        )}
      </Dialog>
      <Confirm title={`Delete ${ending?.customRole ?? ""}?`} open={ending !== undefined} onClose={() => setEnding(undefined)} onConfirm={end} confirm="Delete role" busy={remove.isPending}>
        A role that somebody still has stays: give them another one first.
      </Confirm>
    </>
  );
}
