/** Claim tokens: secrets with which devices enrol by EST. */
import { useState } from "react";
import { ClaimTokenStatus, useClaimTokens, useRevokeClaimToken, useTemplates, type ClaimToken } from "../../../api/certificate";
import { explain } from "../../../api/errors";
import { EnrolCommands, type MadeToken } from "../../../bundle/EnrolCommands";
import { ClaimTokenForm } from "../../../forms/ClaimTokenForm";
import { formatUntil, millis } from "../../../format/time";
import { useNow } from "../../../hooks/useNow";
import { useRefusal } from "../../../hooks/useSession";
import { ActionCell } from "../../../ui/ActionCell";
import { Badge, type Tone } from "../../../ui/Badge";
import { Button } from "../../../ui/Button";
import { Dialog, DialogActions } from "../../../ui/Dialog";
import { Panel } from "../../../ui/Panel";
import { Empty, ErrorPanel, SkeletonRows } from "../../../ui/States";
import table from "../../../ui/Table.module.css";
import { useToasts } from "../../../ui/Toasts";

const statuses: Record<ClaimTokenStatus, [string, Tone]> = {
  [ClaimTokenStatus.UNSPECIFIED]: ["unknown", "steel"],
  [ClaimTokenStatus.ACTIVE]: ["active", "accent"],
  [ClaimTokenStatus.USED]: ["used up", "steel"],
  [ClaimTokenStatus.EXPIRED]: ["expired", "brass"],
  [ClaimTokenStatus.REVOKED]: ["revoked", "rust"],
};

export function ClaimTokens() {
  const { data, error, refetch } = useClaimTokens();
  const templates = useTemplates().data?.templates ?? [];
  const [making, setMaking] = useState(false);
  const [made, setMade] = useState<MadeToken>();
  const refusal = useRefusal("provisioning.write");
  const create = (
    <Button kind="primary" icon="plus" disabledReason={refusal} onClick={() => setMaking(true)}>
      New token
    </Button>
  );
  function close() {
    setMaking(false);
    setMade(undefined);
  }
  return (
    <Panel title="Claim tokens" note="Each lets devices enrol once or a few times, until it ends." actions={data && data.claimTokens.length > 0 && create} flush>
      {error && <ErrorPanel {...explain(error)} onRetry={refetch} />}
      {!data && !error && <SkeletonRows rows={2} />}
      {data?.claimTokens.length === 0 && (
        <Empty icon="key" title="No claim tokens" action={create}>
          A token is all that a new device needs, besides the address of this installation: it makes its key itself and asks for a certificate with the token.
        </Empty>
      )}
      {data && data.claimTokens.length > 0 && (
        <table className={table.table}>
          <thead>
            <tr>
              <th scope="col">Token</th>
              <th scope="col">For</th>
              <th scope="col">Status</th>
              <th scope="col">Used</th>
              <th scope="col">Ends</th>
              <th scope="col">
                <span className="visually-hidden">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {data.claimTokens.map((token) => (
              <Row key={token.claimTokenId} token={token} target={token.deviceId || `template ${templates.find((t) => t.templateId === token.templateId)?.name ?? token.templateId}`} refusal={refusal} />
            ))}
          </tbody>
        </table>
      )}
      <Dialog title={made ? "Your new claim token" : "New claim token"} open={making} onClose={close} wide={made !== undefined}>
        {made ? (
          <>
            <EnrolCommands made={made} />
            <DialogActions>
              <Button kind="primary" onClick={close}>
                I have copied it
              </Button>
            </DialogActions>
          </>
        ) : (
          <ClaimTokenForm templates={templates} onDone={setMade} />
        )}
      </Dialog>
    </Panel>
  );
}

function Row({ token, target, refusal }: { token: ClaimToken; target: string; refusal: string | undefined }) {
  const now = useNow(60_000);
  const revoke = useRevokeClaimToken();
  const toasts = useToasts();
  const [word, tone] = statuses[token.status];
  async function end() {
    try {
      await revoke.mutateAsync({ claimTokenId: token.claimTokenId });
      toasts.done(`The token ${token.prefix}… is revoked`);
    } catch (failure) {
      toasts.failed("Could not revoke it", explain(failure).detail);
    }
  }
  return (
    <tr>
      <td data-lead>
        <code>{token.prefix}…</code>
      </td>
      <td data-label="For">{target}</td>
      <td data-label="Status">
        <Badge tone={tone}>{word}</Badge>
      </td>
      <td data-label="Used" className={table.muted}>
        {token.uses} of {token.maxUses}
      </td>
      <td data-label="Ends" className={table.muted}>
        {formatUntil(millis(token.expiresAt) ?? 0, now)}
      </td>
      <ActionCell>
        {token.status === ClaimTokenStatus.ACTIVE && (
          <Button size="small" kind="danger" busy={revoke.isPending} disabledReason={refusal} onClick={end}>
            Revoke
          </Button>
        )}
      </ActionCell>
    </tr>
  );
}
