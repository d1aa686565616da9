/** Ends the organisation, or keeps it while the grace period lasts. */
import { useState } from "react";
import { explain } from "../../../api/errors";
import { TenantStatus, useCancelDeletion, useDeleteTenant } from "../../../api/tenant";
import { formatDateTime, millis } from "../../../format/time";
import { useRefusal, useSession } from "../../../hooks/useSession";
import { Button } from "../../../ui/Button";
import { Panel } from "../../../ui/Panel";
import { useToasts } from "../../../ui/Toasts";
import { Typed } from "./Typed";

export function DeletionPanel() {
  const { tenant } = useSession();
  const refusal = useRefusal("tenant.own");
  const [open, setOpen] = useState(false);
  const remove = useDeleteTenant();
  const keep = useCancelDeletion();
  const toasts = useToasts();
  const due = millis(tenant.deletion?.dueAt);

  async function end(confirm: string) {
    try {
      await remove.mutateAsync({ confirm });
      setOpen(false);
    } catch {
      // Shown from the mutation's own state.
    }
  }

  async function stay() {
    try {
      await keep.mutateAsync({});
      toasts.done(`${tenant.name} stays`);
    } catch (error) {
      toasts.failed("It cannot be kept", explain(error).detail);
    }
  }

  if (tenant.status === TenantStatus.DELETING) {
    return (
      <Panel title="Deletion" note={due === undefined ? undefined : `Removed for good from ${formatDateTime(due)} on`}>
        <Button kind="primary" disabledReason={refusal} busy={keep.isPending} onClick={stay}>
          Keep the organisation
        </Button>
      </Panel>
    );
  }
  return (
    <Panel title="Deletion" note="Devices are refused at once. For some days an owner can change their mind, then everything is removed.">
      <Button kind="danger" icon="trash" disabledReason={refusal} onClick={() => setOpen(true)}>
        Delete the organisation
      </Button>
      {open && (
        <Typed tenant={tenant} title={`Delete ${tenant.name}?`} action="Delete the organisation" open busy={remove.isPending} error={remove.error} onClose={() => setOpen(false)} onConfirm={end}>
          <p>
            Its devices are refused from now on. When the grace period is over, its telemetry, devices, certificates, people and keys are removed for good; only the audit
            log is kept, for you. Every owner is told by e-mail.
          </p>
        </Typed>
      )}
    </Panel>
  );
}
