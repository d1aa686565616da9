/** A new claim token: for new devices of a template, or for one device that exists; of the device's own page, for that one. */
import { useState, type FormEvent } from "react";
import { useCreateClaimToken, type Template } from "../api/certificate";
import { explain } from "../api/errors";
import type { MadeToken } from "../bundle/EnrolCommands";
import { Button } from "../ui/Button";
import { DialogActions } from "../ui/Dialog";
import { SelectField, TextField } from "../ui/Field";
import { Notice } from "../ui/States";
import styles from "./form.module.css";

const oneDevice = "";

interface ClaimTokenFormProps {
  templates?: Template[];
  device?: string;
  onDone: (made: MadeToken) => void;
}

export function ClaimTokenForm({ templates = [], device, onDone }: ClaimTokenFormProps) {
  const [templateId, setTemplateId] = useState(templates[0]?.templateId ?? oneDevice);
  const [deviceId, setDeviceId] = useState(device ?? "");
  const [maxUses, setMaxUses] = useState(1);
  const [hours, setHours] = useState(24);
  const [tried, setTried] = useState(false);
  const create = useCreateClaimToken();
  const single = templateId === oneDevice;

  async function send(event: FormEvent) {
    event.preventDefault();
    setTried(true);
    if (single && deviceId.trim() === "") return;
    try {
      const answer = await create.mutateAsync({ ...(single ? { deviceId: deviceId.trim() } : { templateId, maxUses }), lifeSeconds: BigInt(hours * 3600) });
      onDone({ secret: answer.secret, device: deviceId.trim(), est: answer.estUrl });
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
      {device === undefined && (
        <SelectField label="For" value={templateId} onChange={(e) => setTemplateId(e.target.value)}>
          {templates.map((t) => (
            <option key={t.templateId} value={t.templateId}>
              new devices by {t.name}
            </option>
          ))}
          <option value={oneDevice}>one device that exists</option>
        </SelectField>
      )}
      {device === undefined && single && <TextField label="Device" mono value={deviceId} error={tried && deviceId.trim() === "" ? "Name the device." : undefined} onChange={(e) => setDeviceId(e.target.value)} />}
      <div className={styles.row}>
        {!single && <TextField label="Uses" type="number" min={1} max={100_000} value={maxUses} onChange={(e) => setMaxUses(Number(e.target.value))} />}
        <SelectField label="Ends" value={hours} onChange={(e) => setHours(Number(e.target.value))}>
          <option value={1}>in an hour</option>
          <option value={24}>in a day</option>
          <option value={168}>in a week</option>
          <option value={2160}>in 90 days</option>
        </SelectField>
      </div>
      <DialogActions>
        <Button kind="primary" type="submit" busy={create.isPending}>
          Create token
        </Button>
      </DialogActions>
    </form>
  );
}
