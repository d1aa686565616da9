/** A role of the organisation's own, new or changed: its name, for whom it is, what it may do. */
import { useState, type FormEvent } from "react";
import { explain } from "../api/errors";
import { useCreateRole, useUpdateRole, type RoleDefinition } from "../api/role";
import { useSession } from "../hooks/useSession";
import { Button } from "../ui/Button";
import { DialogActions } from "../ui/Dialog";
import { TextField } from "../ui/Field";
import { Notice } from "../ui/States";
import { ActionsField } from "./ActionsField";
import styles from "./form.module.css";

/** Every role has it; nothing can be done without. */
const always = "tenant.read";
/** Owners alone may. */
const never = "tenant.own";

export function RoleForm({ role, offered, onDone }: { role?: RoleDefinition | undefined; offered: readonly string[]; onDone: (name: string) => void }) {
  const { actions } = useSession();
  const [name, setName] = useState(role?.customRole ?? "");
  const [title, setTitle] = useState(role?.title ?? "");
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set(role?.actions.filter((a) => a !== always)));
  const [tried, setTried] = useState(false);
  const create = useCreateRole();
  const update = useUpdateRole();
  const saving = role ? update : create;

  async function send(event: FormEvent) {
    event.preventDefault();
    setTried(true);
    if (name === "" || chosen.size === 0) return;
    const definition = { customRole: name, title, actions: [...chosen] };
    try {
      if (role) await update.mutateAsync({ ...definition, revision: role.revision });
      else await create.mutateAsync(definition);
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
      {!role && (
        <TextField
          label="Name"
          mono
          placeholder="shift-lead"
          hint="Lower-case letters, digits and -."
          maxLength={40}
          value={name}
          error={tried && name === "" ? "Give it a name." : undefined}
          onChange={(e) => setName(e.target.value.trim().toLowerCase())}
        />
      )}
      <TextField label="For whom" optional placeholder="Leads a shift at one line." maxLength={120} value={title} onChange={(e) => setTitle(e.target.value)} />
      <ActionsField
        label="Who has it may"
        hint="Besides seeing the organisation. You can give what you may do yourself."
        offered={offered.filter((a) => a !== always && a !== never && (actions.has(a) || chosen.has(a)))}
        chosen={chosen}
        onChange={setChosen}
        error={tried && chosen.size === 0 ? "Choose at least one." : undefined}
      />
      <DialogActions>
        <Button kind="primary" type="submit" busy={saving.isPending}>
          {role ? "Save" : "Create role"}
        </Button>
      </DialogActions>
    </form>
  );
}
