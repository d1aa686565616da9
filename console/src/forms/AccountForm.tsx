/** A service account, new or changed: its name, what it is, what its keys may do. */
import { useState, type FormEvent } from "react";
import { explain } from "../api/errors";
import { useCreateAccount, useUpdateAccount, type ServiceAccount } from "../api/key";
import { ours, type RoleChoice } from "../api/role";
import { Role } from "../api/tenant";
import { Button } from "../ui/Button";
import { DialogActions } from "../ui/Dialog";
import { TextField } from "../ui/Field";
import { Notice } from "../ui/States";
import { confinable, facilitiesOf, FacilitiesField } from "./FacilitiesField";
import styles from "./form.module.css";
import { RoleField } from "./RoleField";

export function AccountForm({ account, onDone }: { account?: ServiceAccount | undefined; onDone: (name: string) => void }) {
  const [name, setName] = useState(account?.serviceAccountId ?? "");
  const [title, setTitle] = useState(account?.title ?? "");
  const [role, setRole] = useState<RoleChoice>(account ? { role: account.role, customRole: account.customRole } : ours(Role.VIEWER));
  const [facilities, setFacilities] = useState(account?.facilities.join(", ") ?? "");
  const [tried, setTried] = useState(false);
  const create = useCreateAccount();
  const update = useUpdateAccount();
  const saving = account ? update : create;

  async function send(event: FormEvent) {
    event.preventDefault();
    setTried(true);
    if (name === "") return;
    try {
      await saving.mutateAsync({ serviceAccountId: name, title, ...role, facilities: confinable(role) ? facilitiesOf(facilities) : [] });
      onDone(name);
    } catch {
      // Shown below from the mutation's own state.
    }
  }

  return (
    <form className={styles.form} onSubmit={send} noValidate>
      {saving.isError && (
        <Notice tone="rust" icon="warning">
          {explain(saving.error).detail}
        </Notice>
      )}
      {!account && (
        <TextField
          label="Name"
          mono
          placeholder="mes-connector"
          hint="In the audit log. Lower-case letters, digits and -."
          maxLength={40}
          value={name}
          error={tried && name === "" ? "Give it a name." : undefined}
          onChange={(e) => setName(e.target.value.trim().toLowerCase())}
        />
      )}
      <TextField label="What it is" optional placeholder="Writes orders from the MES" maxLength={120} value={title} onChange={(e) => setTitle(e.target.value)} />
      <div className={styles.row}>
        <RoleField value={role} onChange={setRole} />
        <FacilitiesField role={role} value={facilities} onChange={setFacilities} />
      </div>
      <DialogActions>
        <Button kind="primary" type="submit" busy={saving.isPending}>
          {account ? "Save" : "Create service account"}
        </Button>
      </DialogActions>
    </form>
  );
}
