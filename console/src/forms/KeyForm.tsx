/** A new API key: what it is for, whom it speaks for, what it may do, how long. */
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { useState, type FormEvent } from "react";
import { explain } from "../api/errors";
import { useCreateKey, type ServiceAccount } from "../api/key";
import { ours, useRoles } from "../api/role";
import { Role } from "../api/tenant";
import { day } from "../format/time";
import { useSession } from "../hooks/useSession";
import { Button } from "../ui/Button";
import { DialogActions } from "../ui/Dialog";
import { SelectField, TextField } from "../ui/Field";
import { Notice } from "../ui/States";
import { ActionsField } from "./ActionsField";
import { facilitiesOf, FacilitiesField } from "./FacilitiesField";
import styles from "./form.module.css";
import { RoleField } from "./RoleField";

export function KeyForm({ accounts, onDone }: { accounts: readonly ServiceAccount[]; onDone: (secret: string) => void }) {
  const { actions } = useSession();
  const { data: roles } = useRoles();
  const [name, setName] = useState("");
  const [serviceAccountId, setAccount] = useState("");
  const [own, setRole] = useState(ours(Role.VIEWER));
  const [facilities, setFacilities] = useState("");
  const [narrow, setNarrow] = useState(false);
  const [scopes, setScopes] = useState<ReadonlySet<string>>(new Set());
  const [days, setDays] = useState(90);
  const [tried, setTried] = useState(false);
  const create = useCreateKey();
  const account = accounts.find((a) => a.serviceAccountId === serviceAccountId);
  const role = account ? { role: account.role, customRole: account.customRole } : own;
  const offered = roles?.roles.find((r) => r.role === role.role && r.customRole === role.customRole)?.actions.filter((a) => actions.has(a)) ?? [];
  const unscoped = narrow && scopes.size === 0;

  async function send(event: FormEvent) {
    event.preventDefault();
    setTried(true);
    if (name.trim() === "" || unscoped) return;
    try {
      const { secret } = await create.mutateAsync({
        name: name.trim(),
        ...(account ? { serviceAccountId } : { ...own, facilities: facilitiesOf(facilities) }),
        scopes: narrow ? offered.filter((a) => scopes.has(a)) : [],
        expiresAt: days > 0 ? timestampFromMs(Date.now() + days * day) : undefined,
      });
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
        {accounts.length > 0 && (
          <SelectField label="Speaks for" value={serviceAccountId} onChange={(e) => setAccount(e.target.value)}>
            <option value="">itself</option>
            {accounts.map((a) => (
              <option key={a.serviceAccountId} value={a.serviceAccountId}>
                {a.serviceAccountId}
              </option>
            ))}
          </SelectField>
        )}
        <SelectField label="Expires" value={days} onChange={(e) => setDays(Number(e.target.value))}>
          <option value={30}>in 30 days</option>
          <option value={90}>in 90 days</option>
          <option value={365}>in a year</option>
          <option value={0}>never</option>
        </SelectField>
      </div>
      {!account && (
        <div className={styles.row}>
          <RoleField value={own} onChange={setRole} />
          <FacilitiesField role={own} value={facilities} onChange={setFacilities} />
        </div>
      )}
      <SelectField label="Scopes" value={narrow ? "some" : "all"} onChange={(e) => setNarrow(e.target.value === "some")}>
        <option value="all">all that the role may do</option>
        <option value="some">only some of it</option>
      </SelectField>
      {narrow && <ActionsField label="The key may" offered={offered} chosen={scopes} onChange={setScopes} error={tried && unscoped ? "Choose at least one." : undefined} />}
      <DialogActions>
        <Button kind="primary" type="submit" busy={create.isPending}>
          Create key
        </Button>
      </DialogActions>
    </form>
  );
}
