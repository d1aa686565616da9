/** The schema of a device type: one line a measurement. When somebody else was faster, both versions are shown. */
import { create } from "@bufbuild/protobuf";
import { useState, type FormEvent } from "react";
import { MeasurementSchema, typeConflict, UnknownMeasurements, useUpdateDeviceType, type DeviceType, type Measurement } from "../api/devicetype";
import { explain } from "../api/errors";
import { Button, IconButton } from "../ui/Button";
import { fieldClass, SelectField, TextField } from "../ui/Field";
import { Notice } from "../ui/States";
import table from "../ui/Table.module.css";
import { useToasts } from "../ui/Toasts";
import styles from "./form.module.css";
import { linesOf, readMeasurement, written, type MeasurementText } from "./measurement";
import { Versions } from "./Versions";

const columns: Array<{ name: keyof MeasurementText; label: string; placeholder: string; width: string }> = [
  { name: "name", label: "Name", placeholder: "vibration.x", width: "26%" },
  { name: "unit", label: "Unit", placeholder: "mm/s", width: "14%" },
  { name: "minimum", label: "Minimum", placeholder: "none", width: "17%" },
  { name: "maximum", label: "Maximum", placeholder: "none", width: "17%" },
  { name: "precision", label: "Decimals", placeholder: "as sent", width: "14%" },
];

export function DeviceTypeForm({ type, refusal }: { type: DeviceType; refusal: string | undefined }) {
  const [description, setDescription] = useState(type.description);
  const [unknown, setUnknown] = useState(type.unknownMeasurements);
  const [rows, setRows] = useState(type.measurements.map(written));
  const [version, setVersion] = useState(type.version);
  const [problem, setProblem] = useState<string>();
  const update = useUpdateDeviceType();
  const toasts = useToasts();
  const conflict = update.error ? typeConflict(update.error) : undefined;
  const set = (at: number, change: Partial<MeasurementText>) => setRows(rows.map((r, i) => (i === at ? { ...r, ...change } : r)));

  async function send(event: FormEvent) {
    event.preventDefault();
    const read = rows.map(readMeasurement);
    const wrong = read.find((r) => typeof r === "string");
    setProblem(typeof wrong === "string" ? wrong : undefined);
    if (wrong !== undefined) return;
    const measurements = read.filter((r) => typeof r !== "string").map((r): Measurement => create(MeasurementSchema, r));
    try {
      await update.mutateAsync({ deviceType: type.deviceType, version, description, unknownMeasurements: unknown, measurements });
      toasts.done(`The type ${type.deviceType} is saved`);
    } catch (error) {
      const both = typeConflict(error);
      if (both?.current) setVersion(both.current.version);
    }
  }

  return (
    <form className={styles.form} onSubmit={send} noValidate>
      {conflict?.current && conflict.yours && <Versions detail={explain(update.error).detail} current={linesOf(conflict.current)} yours={linesOf(conflict.yours)} />}
      {(problem ?? (update.error && !conflict)) && (
        <Notice tone="rust" icon="warning">
          {problem ?? explain(update.error).detail}
        </Notice>
      )}
      <div className={styles.row}>
        <TextField label="Description" optional maxLength={500} value={description} onChange={(e) => setDescription(e.target.value)} />
        <SelectField label="Measurements that are not listed" value={unknown} onChange={(e) => setUnknown(Number(e.target.value))} hint="Applies at the gateway, to events that come from now on.">
          <option value={UnknownMeasurements.ACCEPT}>Accept them</option>
          <option value={UnknownMeasurements.DROP}>Drop them, keep the event</option>
          <option value={UnknownMeasurements.DEAD_LETTER}>Refuse the event</option>
        </SelectField>
      </div>
      {rows.length > 0 && (
        <table className={table.table}>
          <thead>
            <tr>
              {columns.map((c) => (
                <th key={c.name} scope="col" style={{ width: c.width }}>
                  {c.label}
                </th>
              ))}
              <th scope="col">
                <span className="visually-hidden">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row, i) => (
              <tr key={i}>
                {columns.map((c) => (
                  <td key={c.name} data-label={c.label}>
                    <input className={fieldClass} aria-label={`${c.label} of measurement ${i + 1}`} placeholder={c.placeholder} maxLength={c.name === "unit" ? 16 : 128} value={row[c.name]} onChange={(e) => set(i, { [c.name]: e.target.value })} />
                  </td>
                ))}
                <td className={table.end}>
                  <IconButton label={`Remove ${row.name || `measurement ${i + 1}`}`} icon="trash" onClick={() => setRows(rows.filter((_, j) => j !== i))} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {rows.length === 0 && <p>No measurement is listed yet. List one to give it a unit, bounds and decimals; an event with a value outside of its bounds is refused.</p>}
      <div className={styles.actions}>
        <Button icon="plus" onClick={() => setRows([...rows, { name: "", unit: "", minimum: "", maximum: "", precision: "", description: "" }])}>
          Add measurement
        </Button>
        <Button kind="primary" type="submit" busy={update.isPending} disabledReason={refusal}>
          {conflict ? "Save mine over it" : "Save"}
        </Button>
      </div>
    </form>
  );
}
