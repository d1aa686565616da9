/** The service accounts: principals that are no persons. */
import { useState } from "react";
import { explain } from "../../../api/errors";
import { useAccounts, useDeleteAccount, type ServiceAccount } from "../../../api/key";
import { AccountForm } from "../../../forms/AccountForm";
import { roleName } from "../../../hooks/useSession";
import { ActionCell } from "../../../ui/ActionCell";
import { Badge } from "../../../ui/Badge";
import { Button } from "../../../ui/Button";
import { Confirm, Dialog } from "../../../ui/Dialog";
import { Panel } from "../../../ui/Panel";
import { Empty, ErrorPanel, SkeletonRows } from "../../../ui/States";
import table from "../../../ui/Table.module.css";
import { useToasts } from "../../../ui/Toasts";

export function AccountList({ refusal }: { refusal: string | undefined }) {
  const { data, error, refetch } = useAccounts();
  const [editing, setEditing] = useState<ServiceAccount | "new">();
  const [ending, setEnding] = useState<ServiceAccount>();
  const remove = useDeleteAccount();
  const toasts = useToasts();
  const accounts = data?.serviceAccounts ?? [];

  async function end() {
    if (!ending) return;
    try {
      await remove.mutateAsync({ serviceAccountId: ending.serviceAccountId });
      toasts.done(`${ending.serviceAccountId} is gone`);
    } catch (failure) {
      toasts.failed("Could not delete it", explain(failure).detail);
    }
    setEnding(undefined);
  }

  const create = (
    <Button icon="plus" disabledReason={refusal} onClick={() => setEditing("new")}>
      Create service account
    </Button>
  );
  return (
    <Panel title="Service accounts" note="One role that several keys share; the audit log names the account." actions={accounts.length > 0 && create} flush>
      {error && <ErrorPanel {...explain(error)} onRetry={refetch} />}
      {!data && !error && <SkeletonRows rows={2} />}
      {data && accounts.length === 0 && (
        <Empty icon="people" title="No service accounts" action={create}>
          A service account stands for a program, such as your MES. Change its role, and all of its keys change with it.
        </Empty>
      )}
      {accounts.length > 0 && (
        <table className={table.table}>
          <thead>
            <tr>
              <th scope="col">Account</th>
              <th scope="col">Role</th>
              <th scope="col">Facilities</th>
              <th scope="col">Keys</th>
              <th scope="col">
                <span className="visually-hidden">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {accounts.map((account) => (
              <tr key={account.serviceAccountId}>
                <td data-lead>
                  {account.serviceAccountId}
                  {account.title && <div className={table.muted}>{account.title}</div>}
                </td>
                <td data-label="Role">
                  <Badge>{roleName(account)}</Badge>
                </td>
                <td data-label="Facilities" className={table.muted}>
                  {account.facilities.length > 0 ? account.facilities.join(", ") : "all"}
                </td>
                <td data-label="Keys">{account.keys}</td>
                <ActionCell>
                  <Button size="small" kind="quiet" disabledReason={refusal} onClick={() => setEditing(account)}>
                    Change
                  </Button>
                  <Button size="small" kind="quiet" icon="trash" disabledReason={refusal} onClick={() => setEnding(account)}>
                    Delete
                  </Button>
                </ActionCell>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <Dialog title={editing === "new" ? "Create a service account" : `Change ${editing?.serviceAccountId ?? ""}`} open={editing !== undefined} onClose={() => setEditing(undefined)}>
        {editing && (
          <AccountForm
            account={editing === "new" ? undefined : editing}
            onDone={(name) => {
              setEditing(undefined);
              toasts.done(`${name} is as you made it`);
            }}
          />
        )}
      </Dialog>
      <Confirm title={`Delete ${ending?.serviceAccountId ?? ""}?`} open={ending !== undefined} onClose={() => setEnding(undefined)} onConfirm={end} confirm="Delete account" busy={remove.isPending}>
        Its {ending?.keys ?? 0} keys are revoked with it. This cannot be undone.
      </Confirm>
    </Panel>
  );
}
