/** What a group holds its devices to. */
import { SelectField, TextField } from "../ui/Field";
import { numberError, type PolicyText } from "./policy";
import styles from "./form.module.css";

export function PolicyFields({ value, onChange }: { value: PolicyText; onChange: (value: PolicyText) => void }) {
  const set = (part: Partial<PolicyText>) => onChange({ ...value, ...part });
  return (
    <>
      <TextField label="Topics" optional mono value={value.topics} placeholder="v1/telemetry v1/devices/+/telemetry" hint="The only ones its devices may publish to, with spaces between; + is one level, # the rest. Empty: all." onChange={(e) => set({ topics: e.target.value })} />
      <div className={styles.row}>
        <TextField label="Bytes a message" optional inputMode="numeric" value={value.payloadBytes} error={numberError(value.payloadBytes)} hint="Empty: the organisation's limit." onChange={(e) => set({ payloadBytes: e.target.value })} />
        <TextField label="Events a second" optional inputMode="numeric" value={value.eventsPerSecond} error={numberError(value.eventsPerSecond)} hint="Of all its devices together." onChange={(e) => set({ eventsPerSecond: e.target.value })} />
      </div>
      <div className={styles.row}>
        <SelectField label="Commands" value={value.limitCommands ? "some" : "all"} onChange={(e) => set({ limitCommands: e.target.value === "some" })}>
          <option value="all">all are allowed</option>
          <option value="some">only those that are named</option>
        </SelectField>
        {value.limitCommands && <TextField label="Allowed commands" optional mono value={value.commands} placeholder="restart, calibrate" hint="Empty: none." onChange={(e) => set({ commands: e.target.value })} />}
      </div>
    </>
  );
}
