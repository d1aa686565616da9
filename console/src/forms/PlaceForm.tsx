/** Makes a facility, line or station; or renames it, moves it, and says where it lies. */
import { useState, type FormEvent } from "react";
import { explain } from "../api/errors";
import { placeConflict, PlaceKind, useCreatePlace, useMovePlace, useUpdatePlace, type Place } from "../api/facility";
import { Button } from "../ui/Button";
import { DialogActions } from "../ui/Dialog";
import { SelectField, TextField } from "../ui/Field";
import { Notice } from "../ui/States";
import styles from "./form.module.css";
import { Versions } from "./Versions";

export type PlaceTask = { do: "create"; parent: Place | undefined } | { do: "edit"; place: Place };

const lines = (p: Place): Array<[string, string]> => [
  ["Name", p.name],
  ["Coordinates", p.coordinates ? `${p.coordinates.latitude}, ${p.coordinates.longitude}` : ""],
];

export function PlaceForm({ task, places, onDone }: { task: PlaceTask; places: Place[]; onDone: () => void }) {
  const before = task.do === "edit" ? task.place : undefined;
  const [name, setName] = useState(before?.name ?? "");
  const [latitude, setLatitude] = useState(before?.coordinates ? String(before.coordinates.latitude) : "");
  const [longitude, setLongitude] = useState(before?.coordinates ? String(before.coordinates.longitude) : "");
  const [parent, setParent] = useState(before?.parentId ?? "");
  const [version, setVersion] = useState(before?.version ?? 0n);
  const [problem, setProblem] = useState<string>();
  const [failure, setFailure] = useState<unknown>();
  const create = useCreatePlace();
  const update = useUpdatePlace();
  const move = useMovePlace();
  const conflict = failure ? placeConflict(failure) : undefined;
  const parents = before && before.kind !== PlaceKind.FACILITY ? places.filter((p) => p.kind === before.kind - 1) : [];
  const nameOf = (p: Place): string => {
    const up = places.find((q) => q.placeId === p.parentId);
    return up ? `${nameOf(up)} / ${p.name}` : p.name;
  };

  async function send(event: FormEvent) {
    event.preventDefault();
    const given = latitude.trim() !== "" || longitude.trim() !== "";
    const at = { latitude: Number(latitude), longitude: Number(longitude) };
    const wrong = given && (latitude.trim() === "" || longitude.trim() === "" || !(Math.abs(at.latitude) <= 90) || !(Math.abs(at.longitude) <= 180));
    setProblem(name.trim() === "" ? "Enter a name." : wrong ? "Enter a latitude from -90 to 90 and a longitude from -180 to 180, or neither." : undefined);
    if (name.trim() === "" || wrong) return;
    const coordinates = given ? at : undefined;
    try {
      if (!before) {
        await create.mutateAsync({ parentId: task.do === "create" ? (task.parent?.placeId ?? "") : "", name, ...(coordinates && { coordinates }) });
      } else {
        await update.mutateAsync({ placeId: before.placeId, version, name, ...(coordinates && { coordinates }) });
        if (parent !== before.parentId) await move.mutateAsync({ placeId: before.placeId, parentId: parent });
      }
      onDone();
    } catch (error) {
      setFailure(error);
      const both = placeConflict(error);
      if (both?.current) setVersion(both.current.version);
    }
  }

  return (
    <form className={styles.form} onSubmit={send} noValidate>
      {conflict?.current && conflict.yours && <Versions detail={explain(failure).detail} current={lines(conflict.current)} yours={lines(conflict.yours)} />}
      {(problem ?? (failure !== undefined && !conflict)) && (
        <Notice tone="rust" icon="warning">
          {problem ?? explain(failure).detail}
        </Notice>
      )}
      <TextField label="Name" maxLength={64} autoComplete="off" value={name} onChange={(e) => setName(e.target.value)} />
      {parents.length > 1 && (
        <SelectField label="Stands in" value={parent} onChange={(e) => setParent(e.target.value)} hint="Its devices go along.">
          {parents.map((p) => (
            <option key={p.placeId} value={p.placeId}>
              {nameOf(p)}
            </option>
          ))}
        </SelectField>
      )}
      <div className={styles.row}>
        <TextField label="Latitude" optional inputMode="decimal" placeholder="53.5503" value={latitude} onChange={(e) => setLatitude(e.target.value)} />
        <TextField label="Longitude" optional inputMode="decimal" placeholder="9.9920" value={longitude} onChange={(e) => setLongitude(e.target.value)} />
      </div>
      <DialogActions>
        <Button onClick={onDone}>Cancel</Button>
        <Button kind="primary" type="submit" busy={create.isPending || update.isPending || move.isPending}>
          {conflict ? "Save mine over it" : "Save"}
        </Button>
      </DialogActions>
    </form>
  );
}
