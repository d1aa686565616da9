/** A new API key: what it is for, what it may do, how long. */
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { useState, type FormEvent } from "react";
import { explain } from "../api/errors";
import { Role, useCreateKey } from "../api/tenant";
import { day } from "../format/time";
import { Button } from "../ui/Button";
import { DialogActions } from "../ui/Dialog";
import { SelectField, TextField } from "../ui/Field";
import { Notice } from "../ui/States";
import styles from "./form.module.css";
import { RoleField } from "./RoleField";

export function KeyForm({ onDone }: { onDone: (secret: string) => void }) {
  const [name, setName] = useState("");
  const [role, setRole] = useState(Role.VIEWER);
  const [days, setDays] = useState(90);
  const [tried, setTried] = useState(false);
  const create = useCreateKey();

  async function send(event: FormEvent) {
    event.preventDefault();
    setTried(true);
    if (name.trim() === "") return;
    try {
      const expiresAt = days > 0 ? timestampFromMs(Date.now() + days * day) : undefined;
      const { secret } = await create.mutateAsync({ name: name.trim(), role, expiresAt });
      onDone(secret);
    } catch {
      // Shown below from the mutation's own state.
    }
  }

  return (
    <form className={styles.form} onSubmit={send} noValidate>
      {create.isError && (
        <Notice tone="rust" icon="warning">
          {explain(create.error).detail}
        </Notice>
      )}
      <TextField label="Name" placeholder="Nightly report" maxLength={80} value={name} error={tried && name.trim() === "" ? "Say what the key is for." : undefined} onChange={(e) => setName(e.target.value)} />
      <div className={styles.row}>
        <RoleField value={role} onChange={setRole} />
        <SelectField label="Expires" value={days} onChange={(e) => setDays(Number(e.target.value))}>
          <option value={30}>in 30 days</option>
          <option value={90}>in 90 days</option>
          <option value={365}>in a year</option>
          <option value={0}>never</option>
        </SelectField>
      </div>
      <DialogActions>
        <Button kind="primary" type="submit" busy={create.isPending}>
          Create key
        </Button>
      </DialogActions>
    </form>
  );
}
