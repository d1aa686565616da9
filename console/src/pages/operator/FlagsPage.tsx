/** Operations: feature flags, for named organisations or a share of all. */
import { useState, type FormEvent } from "react";
import { explain } from "../../api/errors";
import { useFlags, useRemoveFlag, useSetFlag, type Flag } from "../../api/platform";
import form from "../../forms/form.module.css";
import { ActionCell } from "../../ui/ActionCell";
import { Button } from "../../ui/Button";
import { Confirm, Dialog, DialogActions } from "../../ui/Dialog";
import { TextField } from "../../ui/Field";
import { Panel } from "../../ui/Panel";
import { Empty, ErrorPanel, Notice, SkeletonRows } from "../../ui/States";
import table from "../../ui/Table.module.css";
import { useToasts } from "../../ui/Toasts";

export default function FlagsPage() {
  const { data, error, refetch } = useFlags();
  const [editing, setEditing] = useState<Flag | "new">();
  const [ending, setEnding] = useState<Flag>();
  const remove = useRemoveFlag();
  const toasts = useToasts();

  async function end() {
    if (!ending) return;
    try {
      await remove.mutateAsync({ flag: ending.flag });
      toasts.done(`${ending.flag} is off everywhere`);
    } catch (failure) {
      toasts.failed("Could not remove it", explain(failure).detail);
    }
    setEnding(undefined);
  }

  const create = (
    <Button kind="primary" icon="plus" onClick={() => setEditing("new")}>
      New flag
    </Button>
  );
  return (
    <Panel title="Feature flags" note="Raising a percentage turns a feature off for nobody." actions={data && data.flags.length > 0 && create} flush>
      {error && <ErrorPanel {...explain(error)} onRetry={refetch} />}
      {!data && !error && <SkeletonRows rows={3} />}
      {data?.flags.length === 0 && (
        <Empty icon="check" title="No flags yet" action={create}>
          A flag shows something new to a few organisations first, and to all when it has proved itself.
        </Empty>
      )}
      {data && data.flags.length > 0 && (
        <table className={table.table}>
          <thead>
            <tr>
              {["Flag", "What it does", "Share", "Named organisations", "Changed by"].map((heading) => (
                <th key={heading} scope="col">
                  {heading}
                </th>
              ))}
              <th scope="col">
                <span className="visually-hidden">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {data.flags.map((flag) => (
              <tr key={flag.flag}>
                <td data-lead>
                  <code>{flag.flag}</code>
                </td>
                <td data-label="What it does">{flag.description || "–"}</td>
                <td data-label="Share">{flag.percent} %</td>
                <td data-label="Named organisations">{flag.tenantIds.length}</td>
                <td data-label="Changed by" className={table.muted}>
                  {flag.updatedBy}
                </td>
                <ActionCell>
                  <Button size="small" kind="quiet" onClick={() => setEditing(flag)}>
                    Change
                  </Button>
                  <Button size="small" kind="quiet" icon="trash" onClick={() => setEnding(flag)}>
                    Remove
                  </Button>
                </ActionCell>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <Dialog title={editing === "new" ? "New flag" : `Change ${editing?.flag ?? ""}`} open={editing !== undefined} onClose={() => setEditing(undefined)}>
        {editing && <FlagForm flag={editing === "new" ? undefined : editing} onDone={() => setEditing(undefined)} />}
      </Dialog>
      <Confirm title={`Remove ${ending?.flag ?? ""}?`} open={ending !== undefined} onClose={() => setEnding(undefined)} onConfirm={end} confirm="Remove flag" busy={remove.isPending}>
        The feature is off for everybody from now on.
      </Confirm>
    </Panel>
  );
}

function FlagForm({ flag, onDone }: { flag: Flag | undefined; onDone: () => void }) {
  const [name, setName] = useState(flag?.flag ?? "");
  const [description, setDescription] = useState(flag?.description ?? "");
  const [percent, setPercent] = useState(String(flag?.percent ?? 0));
  const [tenants, setTenants] = useState(flag?.tenantIds.join(" ") ?? "");
  const set = useSetFlag();

  async function send(event: FormEvent) {
    event.preventDefault();
    try {
      await set.mutateAsync({ flag: name.trim(), description, percent: Number(percent), tenantIds: tenants.split(/[\s,]+/).filter(Boolean) });
      onDone();
    } catch {
      // Shown below from the mutation's own state.
    }
  }

  return (
    <form className={form.form} onSubmit={send}>
      {set.isError && (
        <Notice tone="rust" icon="warning">
          {explain(set.error).detail}
        </Notice>
      )}
      <TextField label="Name" mono required disabled={flag !== undefined} pattern="[a-z][a-z0-9_]{1,39}" hint="Lower-case letters, digits and _." value={name} onChange={(e) => setName(e.target.value)} />
      <TextField label="What it does" optional maxLength={200} value={description} onChange={(e) => setDescription(e.target.value)} />
      <TextField label="Share of all organisations, in per cent" type="number" min={0} max={100} required value={percent} onChange={(e) => setPercent(e.target.value)} />
      <TextField label="Organisations that have it in any case" optional mono hint="Their ids, with spaces between." value={tenants} onChange={(e) => setTenants(e.target.value)} />
      <DialogActions>
        <Button kind="primary" type="submit" busy={set.isPending}>
          Save
        </Button>
      </DialogActions>
    </form>
  );
}
