/** Settings: API keys. */
import { useState } from "react";
import { explain } from "../../api/errors";
import { useKeys, useRevokeKey, type Key } from "../../api/tenant";
import { KeyForm } from "../../forms/KeyForm";
import { formatDate, formatUntil, millis } from "../../format/time";
import { roleName } from "../../hooks/useSession";
import { useNow } from "../../hooks/useNow";
import { Badge } from "../../ui/Badge";
import { Button } from "../../ui/Button";
import { CopyBlock } from "../../ui/CopyBlock";
import { Confirm, Dialog, DialogActions } from "../../ui/Dialog";
import { Panel } from "../../ui/Panel";
import { Empty, ErrorPanel, Notice, SkeletonRows } from "../../ui/States";
import table from "../../ui/Table.module.css";
import { useToasts } from "../../ui/Toasts";
import { Gate } from "./Gate";

export default function KeysPage() {
  return (
    <Gate action="keys.read">
      <Keys />
    </Gate>
  );
}

function Keys() {
  const { data, error, refetch } = useKeys();
  const [making, setMaking] = useState(false);
  const [secret, setSecret] = useState<string>();
  const [ending, setEnding] = useState<Key>();
  const revoke = useRevokeKey();
  const toasts = useToasts();

  async function end() {
    if (!ending) return;
    try {
      await revoke.mutateAsync({ keyId: ending.keyId });
      toasts.done(`The key ${ending.name} is revoked`);
    } catch (failure) {
      toasts.failed("Could not revoke it", explain(failure).detail);
    }
    setEnding(undefined);
  }

  const create = (
    <Button kind="primary" icon="plus" onClick={() => setMaking(true)}>
      Create key
    </Button>
  );
  return (
    <Panel title="API keys" note="For programs. Send one as “Authorization: Bearer …”." actions={data && data.keys.length > 0 && create} flush>
      {error && <ErrorPanel {...explain(error)} onRetry={refetch} />}
      {!data && !error && <SkeletonRows rows={3} />}
      {data?.keys.length === 0 && (
        <Empty icon="key" title="No keys yet" action={create}>
          A key lets a script, a dashboard or the millwright command work for this organisation, with a role of its own.
        </Empty>
      )}
      {data && data.keys.length > 0 && <KeyTable keys={data.keys} onRevoke={setEnding} />}
      <Dialog
        title={secret ? "Your new key" : "Create an API key"}
        open={making}
        onClose={() => {
          setMaking(false);
          setSecret(undefined);
        }}
      >
        {secret ? (
          <>
            <Notice tone="brass" icon="warning">
              This is the only time the key is shown. Copy it to where it will be used.
            </Notice>
            <CopyBlock text={secret} label="the API key" wrap />
            <DialogActions>
              <Button
                kind="primary"
                onClick={() => {
                  setMaking(false);
                  setSecret(undefined);
                }}
              >
                I have copied it
              </Button>
            </DialogActions>
          </>
        ) : (
          <KeyForm onDone={setSecret} />
        )}
      </Dialog>
      <Confirm title={`Revoke ${ending?.name ?? ""}?`} open={ending !== undefined} onClose={() => setEnding(undefined)} onConfirm={end} confirm="Revoke key" busy={revoke.isPending}>
        Whatever uses this key is refused from now on. This cannot be undone.
      </Confirm>
    </Panel>
  );
}

function KeyTable({ keys, onRevoke }: { keys: Key[]; onRevoke: (key: Key) => void }) {
  const now = useNow(60_000);
  return (
    <table className={table.table}>
      <thead>
        <tr>
          <th scope="col">Name</th>
          <th scope="col">Key</th>
          <th scope="col">Role</th>
          <th scope="col">Created</th>
          <th scope="col">Expires</th>
          <th scope="col">
            <span className="visually-hidden">Actions</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {keys.map((key) => (
          <tr key={key.keyId}>
            <td data-lead>{key.name}</td>
            <td data-label="Key">
              <code>{key.prefix}…</code>
            </td>
            <td data-label="Role">
              <Badge>{roleName(key.role)}</Badge>
            </td>
            <td data-label="Created" className={table.muted}>
              {formatDate(millis(key.createdAt) ?? 0)}
            </td>
            <td data-label="Expires" className={table.muted}>
              {key.expiresAt ? formatUntil(millis(key.expiresAt) ?? 0, now) : "never"}
            </td>
            <td className={table.end}>
              <Button size="small" kind="danger" onClick={() => onRevoke(key)}>
                Revoke
              </Button>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
