/** A new device: its id, its type, and where it stands. */
import { useState, type FormEvent } from "react";
import { explain } from "../api/errors";
import { useCreateDevice, useDevices, type Credentials } from "../api/device";
import { Button } from "../ui/Button";
import { TextField } from "../ui/Field";
import { Notice } from "../ui/States";
import { deviceTypeProblem, idProblem } from "./deviceId";
import styles from "./form.module.css";

const commonTypes = ["temperature_sensor", "vibration_sensor", "pressure_sensor", "machine_controller", "gps_tracker", "quality_camera"];

export function DeviceForm({ onDone }: { onDone: (deviceId: string, credentials: Credentials) => void }) {
  const [id, setId] = useState("");
  const [type, setType] = useState("temperature_sensor");
  const [location, setLocation] = useState({ facility: "", line: "", station: "" });
  const [tried, setTried] = useState(false);
  const create = useCreateDevice();
  const known = useDevices().data?.devices ?? [];
  const taken = known.some((d) => d.deviceId === id);
  const idError = idProblem(id) ?? (taken ? `There is a device ${id} already.` : undefined);
  const typeError = deviceTypeProblem(type);
  const suggestions = (of: (d: (typeof known)[number]) => string | undefined) => [...new Set(known.map(of).filter(Boolean))].sort();

  async function send(event: FormEvent) {
    event.preventDefault();
    setTried(true);
    if (idError || typeError) return;
    try {
      const { credentials } = await create.mutateAsync({ deviceId: id, deviceType: type, location });
      if (credentials) onDone(id, credentials);
    } catch {
      // Shown below from the mutation's own state.
    }
  }

  const place = (name: keyof typeof location) => ({
    name,
    maxLength: 64,
    list: `known-${name}`,
    value: location[name],
    onChange: (e: { target: { value: string } }) => setLocation({ ...location, [name]: e.target.value }),
  });

  return (
    <form className={styles.form} onSubmit={send} noValidate>
      {create.isError && (
        <Notice tone="rust" icon="warning">
          {explain(create.error).detail}
        </Notice>
      )}
      <div className={styles.row}>
        <TextField
          label="Device id"
          name="deviceId"
          mono
          placeholder="press_01"
          autoComplete="off"
          spellCheck={false}
          maxLength={63}
          hint={id !== "" && !idError ? "This id is free." : "Letters, digits, _ and -. It cannot be changed later."}
          value={id}
          error={id !== "" || tried ? idError : undefined}
          onChange={(e) => setId(e.target.value)}
        />
        <TextField label="Device type" name="deviceType" list="known-types" autoComplete="off" hint="Choose one or write your own." value={type} error={typeError} onChange={(e) => setType(e.target.value)} />
      </div>
      <div className={styles.row}>
        <TextField label="Facility" optional placeholder="factory_01" {...place("facility")} />
        <TextField label="Line" optional placeholder="assembly_line_A" {...place("line")} />
        <TextField label="Station" optional placeholder="station_05" {...place("station")} />
      </div>
      <Options id="known-types" values={[...new Set([...commonTypes, ...known.map((d) => d.deviceType)])]} />
      <Options id="known-facility" values={suggestions((d) => d.location?.facility)} />
      <Options id="known-line" values={suggestions((d) => d.location?.line)} />
      <Options id="known-station" values={suggestions((d) => d.location?.station)} />
      <div className={styles.actions}>
        <Button kind="primary" size="large" type="submit" busy={create.isPending}>
          Create device
        </Button>
      </div>
    </form>
  );
}

function Options({ id, values }: { id: string; values: Array<string | undefined> }) {
  return (
    <datalist id={id}>
      {values.map((value) => (
        <option key={value}>{value}</option>
      ))}
    </datalist>
  );
}
