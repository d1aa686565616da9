/** Hands the organisation over to another member. */
import { useState } from "react";
import { useMembers } from "../../../api/member";
import { Role, useTransferOwnership } from "../../../api/tenant";
import { useRefusal, useSession } from "../../../hooks/useSession";
import { Button } from "../../../ui/Button";
import { SelectField } from "../../../ui/Field";
import { Panel } from "../../../ui/Panel";
import { Skeleton } from "../../../ui/States";
import { useToasts } from "../../../ui/Toasts";
import { Typed } from "./Typed";

export function OwnershipPanel() {
  const refusal = useRefusal("tenant.own");
  const { tenant } = useSession();
  const [open, setOpen] = useState(false);
  return (
    <Panel title="Ownership" note="Make another member the owner. You become an admin.">
      <Button icon="people" disabledReason={refusal} onClick={() => setOpen(true)}>
        Transfer ownership
      </Button>
      {open && <Transfer key={tenant.tenantId} onClose={() => setOpen(false)} />}
    </Panel>
  );
}

function Transfer({ onClose }: { onClose: () => void }) {
  const { tenant, email } = useSession();
  const { data } = useMembers();
  const [member, setMember] = useState("");
  const transfer = useTransferOwnership();
  const toasts = useToasts();
  const others = data?.members.filter((m) => m.email !== email && m.role !== Role.OWNER);

  async function hand(confirm: string) {
    try {
      await transfer.mutateAsync({ memberId: member, confirm });
      toasts.done(`${others?.find((m) => m.memberId === member)?.email ?? "They"} owns ${tenant.name} now`);
      onClose();
    } catch {
      // Shown from the mutation's own state.
    }
  }

  return (
    <Typed
      tenant={tenant}
      title={`Transfer ${tenant.name}`}
      action="Transfer ownership"
      open
      busy={transfer.isPending}
      error={transfer.error}
      refusal={member === "" ? "Choose the new owner first." : undefined}
      onClose={onClose}
      onConfirm={hand}
    >
      <p>The new owner can do everything, your removal and the organisation's end included. Both of you are told by e-mail.</p>
      {!others ? (
        <Skeleton height={40} />
      ) : others.length === 0 ? (
        <p>Nobody else is a member yet. Invite the new owner first, under Members.</p>
      ) : (
        <SelectField label="New owner" value={member} onChange={(e) => setMember(e.target.value)}>
          <option value="">Choose a member</option>
          {others.map((m) => (
            <option key={m.memberId} value={m.memberId}>
              {m.email}
            </option>
          ))}
        </SelectField>
      )}
    </Typed>
  );
}
