/** A new provisioning template. */
import { useState, type FormEvent } from "react";
import { useCreateTemplate } from "../api/certificate";
import { explain } from "../api/errors";
import { Button } from "../ui/Button";
import { DialogActions } from "../ui/Dialog";
import { TextField } from "../ui/Field";
import { Notice } from "../ui/States";
import styles from "./form.module.css";

export function TemplateForm({ onDone }: { onDone: () => void }) {
  const [name, setName] = useState("");
  const [deviceType, setDeviceType] = useState("");
  const [idPattern, setIdPattern] = useState("");
  const [facility, setFacility] = useState("");
  const [line, setLine] = useState("");
  const [maxDevices, setMaxDevices] = useState(100);
  const [tried, setTried] = useState(false);
  const create = useCreateTemplate();
  const missing = (text: string, what: string) => (tried && text.trim() === "" ? what : undefined);

  async function send(event: FormEvent) {
    event.preventDefault();
    setTried(true);
    if (name.trim() === "" || deviceType.trim() === "" || idPattern === "") return;
    try {
      await create.mutateAsync({ name: name.trim(), deviceType: deviceType.trim(), idPattern, maxDevices, location: { facility: facility.trim(), line: line.trim() } });
      onDone();
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
      <TextField label="Name" placeholder="Presses of hall 3" maxLength={80} value={name} error={missing(name, "Give it a name.")} onChange={(e) => setName(e.target.value)} />
      <div className={styles.row}>
        <TextField label="Device type" placeholder="press" mono value={deviceType} error={missing(deviceType, "Say what the devices are.")} onChange={(e) => setDeviceType(e.target.value)} />
        <TextField label="At most" type="number" min={1} max={1_000_000} value={maxDevices} hint="devices in all" onChange={(e) => setMaxDevices(Number(e.target.value))} />
      </div>
      <TextField label="Device ids" placeholder="press_[0-9]{3}" mono value={idPattern} error={missing(idPattern, "Say which ids may enrol.")} hint="A regular expression that the whole id must match" onChange={(e) => setIdPattern(e.target.value)} />
      <div className={styles.row}>
        <TextField label="Facility" optional maxLength={64} value={facility} onChange={(e) => setFacility(e.target.value)} />
        <TextField label="Line" optional maxLength={64} value={line} onChange={(e) => setLine(e.target.value)} />
      </div>
      <DialogActions>
        <Button kind="primary" type="submit" busy={create.isPending}>
          Create template
        </Button>
      </DialogActions>
    </form>
  );
}
