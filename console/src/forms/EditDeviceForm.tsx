/** Changes what is known of a device. When somebody else was faster, both versions are shown side by side. */
import { useState, type FormEvent } from "react";
import { deviceConflict, useUpdateDevice, type Device } from "../api/device";
import { useDeviceTypes } from "../api/devicetype";
import { explain } from "../api/errors";
import { namesIn, usePlaces } from "../api/facility";
import { Button } from "../ui/Button";
import { DialogActions } from "../ui/Dialog";
import { TextField } from "../ui/Field";
import { Notice } from "../ui/States";
import { useToasts } from "../ui/Toasts";
import { deviceTypeProblem } from "./deviceId";
import { asPairs, asRecord, PairsField } from "./PairsField";
import { Versions } from "./Versions";
import styles from "./form.module.css";

const all = ["device_type", "location", "labels", "metadata", "firmware"];

/** What people change of a device, as lines to compare. */
const lines = (d: Device): Array<[string, string]> => [
  ["Type", d.deviceType],
  ["Location", [d.location?.facility, d.location?.line, d.location?.station].filter(Boolean).join(" / ")],
  ["Firmware", d.firmware],
  ["Labels", asPairs(d.labels).map(([k, v]) => `${k}=${v}`).join(", ")],
  ["Metadata", asPairs(d.metadata).map(([k, v]) => `${k}=${v}`).join(", ")],
];

export function EditDeviceForm({ device, onDone }: { device: Device; onDone: () => void }) {
  const [type, setType] = useState(device.deviceType);
  const [place, setPlace] = useState({ facility: device.location?.facility ?? "", line: device.location?.line ?? "", station: device.location?.station ?? "" });
  const [firmware, setFirmware] = useState(device.firmware);
  const [labels, setLabels] = useState(asPairs(device.labels));
  const [metadata, setMetadata] = useState(asPairs(device.metadata));
  const [version, setVersion] = useState(device.version);
  const update = useUpdateDevice();
  const toasts = useToasts();
  const places = usePlaces().data?.places ?? [];
  const types = useDeviceTypes().data?.deviceTypes ?? [];
  const conflict = update.error ? deviceConflict(update.error) : undefined;
  const typeError = deviceTypeProblem(type);

  async function send(event: FormEvent) {
    event.preventDefault();
    if (typeError) return;
    try {
      await update.mutateAsync({ deviceId: device.deviceId, version, deviceType: type, location: place, firmware, labels: asRecord(labels), metadata: asRecord(metadata), updateMask: { paths: all } });
      toasts.done(`${device.deviceId} is saved`);
      onDone();
    } catch (error) {
      const both = deviceConflict(error);
      if (both?.current) setVersion(both.current.version);
    }
  }

  const at = (name: keyof typeof place, inside: string[]) => ({ name, maxLength: 64, list: `edit-${name}`, value: place[name], inside, onChange: (e: { target: { value: string } }) => setPlace({ ...place, [name]: e.target.value }) });
  const fields = [
    { label: "Facility", ...at("facility", namesIn(places, [])) },
    { label: "Line", ...at("line", namesIn(places, [place.facility])) },
    { label: "Station", ...at("station", namesIn(places, [place.facility, place.line])) },
  ];

  return (
    <form className={styles.form} onSubmit={send} noValidate>
      {conflict?.current && conflict.yours && <Versions detail={explain(update.error).detail} current={lines(conflict.current)} yours={lines(conflict.yours)} />}
      {update.error && !conflict && (
        <Notice tone="rust" icon="warning">
          {explain(update.error).detail}
        </Notice>
      )}
      <div className={styles.row}>
        <TextField label="Device type" list="edit-types" autoComplete="off" value={type} error={typeError} onChange={(e) => setType(e.target.value)} />
        <TextField label="Firmware" optional maxLength={64} value={firmware} onChange={(e) => setFirmware(e.target.value)} />
      </div>
      <div className={styles.row}>
        {fields.map(({ inside, ...field }) => (
          <div key={field.name}>
            <TextField optional {...field} />
            <datalist id={field.list}>
              {inside.map((name) => (
                <option key={name}>{name}</option>
              ))}
            </datalist>
          </div>
        ))}
      </div>
      <datalist id="edit-types">
        {types.map((t) => (
          <option key={t.deviceType}>{t.deviceType}</option>
        ))}
      </datalist>
      <PairsField label="Labels, to find it by" pairs={labels} most={32} longest={128} onChange={setLabels} />
      <PairsField label="Metadata, for notes" pairs={metadata} most={32} longest={1024} onChange={setMetadata} />
      <DialogActions>
        <Button onClick={onDone}>Cancel</Button>
        <Button kind="primary" type="submit" busy={update.isPending}>
          {conflict ? "Save mine over it" : "Save"}
        </Button>
      </DialogActions>
    </form>
  );
}
