/** CAs of the organisation's own: registered, proved by a certificate for a code, revoked for good. */
import { useState } from "react";
import { AuthorityStatus, useAuthorities, useRevokeAuthority, type Authority } from "../../../api/certificate";
import { explain } from "../../../api/errors";
import { AuthorityForm, VerifyAuthorityForm } from "../../../forms/AuthorityForm";
import { formatDate, millis } from "../../../format/time";
import { useRefusal } from "../../../hooks/useSession";
import { ActionCell } from "../../../ui/ActionCell";
import { Badge, type Tone } from "../../../ui/Badge";
import { Button } from "../../../ui/Button";
import { Dialog, DialogActions } from "../../../ui/Dialog";
import { TextField } from "../../../ui/Field";
import { Panel } from "../../../ui/Panel";
import { Empty, ErrorPanel, SkeletonRows } from "../../../ui/States";
import table from "../../../ui/Table.module.css";
import { useToasts } from "../../../ui/Toasts";

const statuses: Record<AuthorityStatus, [string, Tone]> = {
  [AuthorityStatus.UNSPECIFIED]: ["unknown", "steel"],
  [AuthorityStatus.PENDING]: ["waits for proof", "brass"],
  [AuthorityStatus.ACTIVE]: ["active", "accent"],
  [AuthorityStatus.REVOKED]: ["revoked", "rust"],
};

export function Authorities() {
  const { data, error, refetch } = useAuthorities();
  const [making, setMaking] = useState(false);
  const [proving, setProving] = useState<Authority>();
  const [ending, setEnding] = useState<Authority>();
  const [typed, setTyped] = useState("");
  const revoke = useRevokeAuthority();
  const toasts = useToasts();
  const refusal = useRefusal("provisioning.write");
  const register = (
    <Button kind="primary" icon="plus" disabledReason={refusal} onClick={() => setMaking(true)}>
      Register a CA
    </Button>
  );

  async function end() {
    if (!ending) return;
    try {
      await revoke.mutateAsync({ authorityId: ending.authorityId });
      toasts.done(`${ending.name} is revoked`);
    } catch (failure) {
      toasts.failed("Could not revoke it", explain(failure).detail);
    }
    close();
  }

  function close() {
    setEnding(undefined);
    setTyped("");
  }

  return (
    <Panel title="Your own CAs" note="Devices with certificates of these connect as yours." actions={data && data.authorities.length > 0 && register} flush>
      {error && <ErrorPanel {...explain(error)} onRetry={refetch} />}
      {!data && !error && <SkeletonRows rows={2} />}
      {data?.authorities.length === 0 && (
        <Empty icon="certificate" title="No CA of your own" action={register}>
          If your devices have certificates already, register the CA that issued them and prove that its key is yours.
        </Empty>
      )}
      {data && data.authorities.length > 0 && (
        <table className={table.table}>
          <thead>
            <tr>
              <th scope="col">Name</th>
              <th scope="col">Subject</th>
              <th scope="col">Status</th>
              <th scope="col">Ends</th>
              <th scope="col">
                <span className="visually-hidden">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {data.authorities.map((a) => (
              <tr key={a.authorityId}>
                <td data-lead>{a.name}</td>
                <td data-label="Subject">{a.subject}</td>
                <td data-label="Status">
                  <Badge tone={statuses[a.status][1]}>{statuses[a.status][0]}</Badge>
                </td>
                <td data-label="Ends" className={table.muted}>
                  {formatDate(millis(a.notAfter) ?? 0)}
                </td>
                <ActionCell>
                  {a.status === AuthorityStatus.PENDING && (
                    <Button size="small" disabledReason={refusal} onClick={() => setProving(a)}>
                      Prove
                    </Button>
                  )}
                  {a.status !== AuthorityStatus.REVOKED && (
                    <Button size="small" kind="danger" disabledReason={refusal} onClick={() => setEnding(a)}>
                      Revoke
                    </Button>
                  )}
                </ActionCell>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <Dialog title="Register a CA" open={making} onClose={() => setMaking(false)}>
        <AuthorityForm
          onDone={(a) => {
            setMaking(false);
            setProving(a);
          }}
        />
      </Dialog>
      <Dialog title="Prove that the CA's key is yours" open={proving !== undefined} onClose={() => setProving(undefined)}>
        {proving && <VerifyAuthorityForm authority={proving} onDone={() => setProving(undefined)} />}
      </Dialog>
      <Dialog title={`Revoke ${ending?.name ?? ""}?`} open={ending !== undefined} onClose={close}>
        <p>Every device with a certificate of this CA is cut off at once, and none can connect again. This cannot be undone.</p>
        <TextField label={`Type ${ending?.name ?? ""} to confirm`} autoComplete="off" spellCheck={false} value={typed} onChange={(e) => setTyped(e.target.value)} />
        <DialogActions>
          <Button onClick={close}>Cancel</Button>
          <Button kind="danger" busy={revoke.isPending} disabledReason={typed.trim() === ending?.name ? undefined : "Type the CA's name first."} onClick={end}>
            Revoke CA
          </Button>
        </DialogActions>
      </Dialog>
    </Panel>
  );
}
