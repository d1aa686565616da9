/** A prepaid credit for an organisation: how much, until when, and why. */
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { useState, type FormEvent } from "react";
import { useGrantCredit } from "../api/billing";
import { explain } from "../api/errors";
import { toMinor } from "../format/money";
import { Button } from "../ui/Button";
import { DialogActions } from "../ui/Dialog";
import { SelectField, TextField } from "../ui/Field";
import { Notice } from "../ui/States";
import styles from "./form.module.css";

/** What bills are in, with the digits after the point. */
const currencies: Readonly<Record<string, number>> = { EUR: 2, USD: 2, GBP: 2, CHF: 2, JPY: 0 };

export function GrantCreditForm({ tenantId, onDone }: { tenantId: string; onDone: () => void }) {
  const [currency, setCurrency] = useState("EUR");
  const [amount, setAmount] = useState("");
  const [until, setUntil] = useState("");
  const [reason, setReason] = useState("");
  const [tried, setTried] = useState(false);
  const grant = useGrantCredit();
  const minor = toMinor(amount, currencies[currency] ?? 2);
  const expires = Date.parse(`${until}T00:00:00Z`);

  async function send(event: FormEvent) {
    event.preventDefault();
    setTried(true);
    if (minor === undefined || !Number.isFinite(expires) || reason.trim() === "") return;
    try {
      await grant.mutateAsync({ tenantId, currency, amountMinor: minor, expiresAt: timestampFromMs(expires), reason: reason.trim() });
      onDone();
    } catch {
      // Shown below from the mutation's own state.
    }
  }

  return (
    <form className={styles.form} onSubmit={send} noValidate>
      {grant.isError && (
        <Notice tone="rust" icon="warning">
          {explain(grant.error).detail}
        </Notice>
      )}
      <div className={styles.row}>
        <TextField label="Amount" inputMode="decimal" placeholder="1000.00" maxLength={18} value={amount} error={tried && minor === undefined ? "Give an amount above zero." : undefined} onChange={(e) => setAmount(e.target.value)} />
        <SelectField label="Currency" hint="That of the organisation's bills." value={currency} onChange={(e) => setCurrency(e.target.value)}>
          {Object.keys(currencies).map((name) => (
            <option key={name}>{name}</option>
          ))}
        </SelectField>
      </div>
      <TextField label="Expires" type="date" hint="It pays months that end by then." value={until} error={tried && !Number.isFinite(expires) ? "Give a day." : undefined} onChange={(e) => setUntil(e.target.value)} />
      <TextField label="Reason" maxLength={400} hint="Operators read it beside the credit." value={reason} error={tried && reason.trim() === "" ? "Give a reason." : undefined} onChange={(e) => setReason(e.target.value)} />
      <DialogActions>
        <Button kind="primary" type="submit" busy={grant.isPending}>
          Grant
        </Button>
      </DialogActions>
    </form>
  );
}
