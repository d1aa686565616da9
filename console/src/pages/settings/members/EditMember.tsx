/** Changes a member's role and facilities. */
import { useState } from "react";
import { explain } from "../../../api/errors";
import { useUpdateMember, type Member } from "../../../api/member";
import type { RoleChoice } from "../../../api/role";
import { confinable, facilitiesOf, FacilitiesField } from "../../../forms/FacilitiesField";
import form from "../../../forms/form.module.css";
import { RoleField } from "../../../forms/RoleField";
import { Button } from "../../../ui/Button";
import { Dialog, DialogActions } from "../../../ui/Dialog";
import { Notice } from "../../../ui/States";
import { useToasts } from "../../../ui/Toasts";

export function EditMember({ member, onClose }: { member: Member | undefined; onClose: () => void }) {
  return (
    <Dialog title={member?.email ?? ""} open={member !== undefined} onClose={onClose}>
      {member && <Edit member={member} onClose={onClose} />}
    </Dialog>
  );
}

function Edit({ member, onClose }: { member: Member; onClose: () => void }) {
  const [role, setRole] = useState<RoleChoice>({ role: member.role, customRole: member.customRole });
  const [facilities, setFacilities] = useState(member.facilities.join(", "));
  const update = useUpdateMember();
  const toasts = useToasts();
  async function save() {
    try {
      await update.mutateAsync({ memberId: member.memberId, ...role, facilities: confinable(role) ? facilitiesOf(facilities) : [] });
      toasts.done(`${member.email} was changed`);
      onClose();
    } catch {
      // Shown from the mutation's own state.
    }
  }
  return (
    <div className={form.form}>
      {update.isError && (
        <Notice tone="rust" icon="warning">
          {explain(update.error).detail}
        </Notice>
      )}
      <RoleField value={role} onChange={setRole} />
      <FacilitiesField role={role} value={facilities} onChange={setFacilities} />
      <DialogActions>
        <Button onClick={onClose}>Cancel</Button>
        <Button kind="primary" busy={update.isPending} onClick={save}>
          Save
        </Button>
      </DialogActions>
    </div>
  );
}
