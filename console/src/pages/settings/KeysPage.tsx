/** Settings: API keys and service accounts. */
import { useState } from "react";
import { explain } from "../../api/errors";
import { useAccounts, useKeys, useRevokeKey, type Key } from "../../api/key";
import { KeyForm } from "../../forms/KeyForm";
import { useRefusal } from "../../hooks/useSession";
import { Button } from "../../ui/Button";
import { Confirm, Dialog } from "../../ui/Dialog";
import { Panel } from "../../ui/Panel";
import { Empty, ErrorPanel, SkeletonRows } from "../../ui/States";
import { useToasts } from "../../ui/Toasts";
import { Gate } from "./Gate";
import { AccountList } from "./keys/AccountList";
import { KeyTable } from "./keys/KeyTable";
import { NewSecret } from "./keys/NewSecret";
import { RotateKey } from "./keys/RotateKey";

export default function KeysPage() {
  return (
    <Gate action="keys.read">
      <Keys />
    </Gate>
  );
}

function Keys() {
  const { data, error, refetch } = useKeys();
  const accounts = useAccounts().data?.serviceAccounts ?? [];
  const refusal = useRefusal("keys.write");
  const [making, setMaking] = useState(false);
  const [secret, setSecret] = useState<string>();
  const [rotating, setRotating] = useState<Key>();
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

  function close() {
    setMaking(false);
    setSecret(undefined);
  }

  const create = (
    <Button kind="primary" icon="plus" disabledReason={refusal} onClick={() => setMaking(true)}>
      Create key
    </Button>
  );
  return (
    <>
      <Panel title="API keys" note="For programs. Send one as “Authorization: Bearer …”." actions={data && data.keys.length > 0 && create} flush>
        {error && <ErrorPanel {...explain(error)} onRetry={refetch} />}
        {!data && !error && <SkeletonRows rows={3} />}
        {data?.keys.length === 0 && (
          <Empty icon="key" title="No keys yet" action={create}>
            A key lets a script, a dashboard or the millwright command work for this organisation, with a role of its own.
          </Empty>
        )}
        {data && data.keys.length > 0 && <KeyTable keys={data.keys} refusal={refusal} onRotate={setRotating} onRevoke={setEnding} />}
      </Panel>
      <AccountList refusal={refusal} />
      <Dialog title={secret ? "Your new key" : "Create an API key"} open={making} onClose={close}>
        {secret ? <NewSecret secret={secret} onDone={close} /> : <KeyForm accounts={accounts} onDone={setSecret} />}
      </Dialog>
      <RotateKey apiKey={rotating} onClose={() => setRotating(undefined)} />
      <Confirm title={`Revoke ${ending?.name ?? ""}?`} open={ending !== undefined} onClose={() => setEnding(undefined)} onConfirm={end} confirm="Revoke key" busy={revoke.isPending}>
        Whatever uses this key is refused from now on. This cannot be undone.
      </Confirm>
    </>
  );
}
