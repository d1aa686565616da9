/** Mends letters and sends them again, with a preview of what each would become while one types. */
import { useDeferredValue, useState } from "react";
import { replayLetters, useLetterPreview, type Edit, type Outcome, type Replayed, type Selection } from "../../api/deadLetter";
import { explain, sentence } from "../../api/errors";
import form from "../../forms/form.module.css";
import { readPayload } from "../../format/payload";
import { formatDateTime, millis } from "../../format/time";
import { Badge } from "../../ui/Badge";
import { Button } from "../../ui/Button";
import { Dialog, DialogActions } from "../../ui/Dialog";
import { SelectField, TextField } from "../../ui/Field";
import { Notice, Skeleton } from "../../ui/States";
import { useToasts } from "../../ui/Toasts";
import styles from "./DeadLetters.module.css";
import { emptyDraft, formats, readDraft, type Draft } from "./edit";
import { Payload } from "./Payload";

interface ReplayDialogProps {
  title: string;
  selection: Selection;
  /** Of a single letter: it can be rewritten. */
  payload?: Uint8Array;
  onClose: () => void;
}

export function ReplayDialog({ title, selection, payload, onClose }: ReplayDialogProps) {
  const [draft, setDraft] = useState(emptyDraft);
  const [done, setDone] = useState<Replayed>();
  const [busy, setBusy] = useState(false);
  const toasts = useToasts();
  const read = readDraft(draft);
  const edit = "edit" in read ? read.edit : undefined;

  async function replay() {
    if (!edit) return;
    setBusy(true);
    try {
      const sum = await replayLetters(selection, edit, setDone);
      if (sum.refused === 0) {
        toasts.done(`${sum.replayed} replayed`, sum.already > 0 ? `${sum.already} had been replayed before.` : undefined);
        onClose();
      }
    } catch (error) {
      toasts.failed("Not everything was replayed", explain(error).detail);
    }
    setBusy(false);
  }

  return (
    <Dialog title={`Fix and replay ${title}`} open onClose={onClose} wide>
      <div className={styles.split}>
        <Fields draft={draft} onChange={setDraft} payload={payload} />
        <section aria-label="Preview" className={styles.preview}>
          <h3>What they become</h3>
          {edit ? <Preview selection={selection} edit={edit} /> : <Notice icon="info">{"problem" in read && read.problem}</Notice>}
        </section>
      </div>
      {done && done.refused > 0 && (
        <Notice tone="rust" icon="warning">
          {done.replayed} replayed, {done.refused} refused and still open. {done.refusals[0] && sentence(done.refusals[0].detail)}
        </Notice>
      )}
      <DialogActions>
        <Button onClick={onClose}>{done ? "Close" : "Cancel"}</Button>
        <Button kind="primary" icon="play" busy={busy} disabledReason={edit ? undefined : "Finish the edit first."} onClick={replay}>
          Replay
        </Button>
      </DialogActions>
    </Dialog>
  );
}

function Fields({ draft, onChange, payload }: { draft: Draft; onChange: (draft: Draft) => void; payload: Uint8Array | undefined }) {
  const set = (part: Partial<Draft>) => onChange({ ...draft, ...part });
  return (
    <div className={form.form}>
      <p className={styles.note}>Name fields as they stand in the message, by their path, one a line. Empty boxes change nothing: letters are replayed as they came.</p>
      <Lines label="Rename" value={draft.renames} onChange={(renames) => set({ renames })} placeholder="measurements.temp = measurements.temperature" />
      <Lines label="Leave out" value={draft.drops} onChange={(drops) => set({ drops })} placeholder="deviceId" />
      <Lines label="Multiply" value={draft.scales} onChange={(scales) => set({ scales })} placeholder="measurements.temp = 0.1" hint="By 1: makes a number of one in quotes" />
      <SelectField label="Time" value={draft.format} onChange={(event) => set({ format: event.target.value })}>
        <option value="">As it is</option>
        {formats.map(({ value, label }) => (
          <option key={value} value={value}>
            {label}
          </option>
        ))}
      </SelectField>
      {draft.format !== "" && (
        <div className={form.row}>
          <TextField label="Field of the time" mono placeholder="timestamp" value={draft.timeField} onChange={(event) => set({ timeField: event.target.value })} />
          <TextField label="Time zone" placeholder="UTC" value={draft.zone} onChange={(event) => set({ zone: event.target.value })} hint="E.g. Europe/Berlin" />
        </div>
      )}
      {payload &&
        (draft.payload === undefined ? (
          <Button icon="list" onClick={() => set({ payload: readPayload(payload) })}>
            Rewrite the message
          </Button>
        ) : (
          <Lines label="Message" rows={8} value={draft.payload} onChange={(text) => set({ payload: text })} placeholder="{}" />
        ))}
    </div>
  );
}

interface LinesProps {
  label: string;
  value: string;
  onChange: (value: string) => void;
  placeholder: string;
  hint?: string;
  rows?: number;
}

function Lines({ label, value, onChange, placeholder, hint, rows = 2 }: LinesProps) {
  return (
    <label className={styles.lines}>
      <span>{label}</span>
      <textarea className="mono" rows={rows} spellCheck={false} value={value} placeholder={placeholder} onChange={(event) => onChange(event.target.value)} />
      {hint && <small>{hint}</small>}
    </label>
  );
}

function Preview({ selection, edit }: { selection: Selection; edit: Edit }) {
  const { data, error } = useLetterPreview(selection, useDeferredValue(edit));
  if (error) return <Notice tone="rust" icon="warning">{explain(error).detail}</Notice>;
  if (!data) return <Skeleton height={80} />;
  return (
    <>
      {data.outcomes.map((outcome) => (
        <Become key={outcome.id} outcome={outcome} />
      ))}
      {Number(data.selected) > data.outcomes.length && <p className={styles.note}>The first {data.outcomes.length} of {String(data.selected)}.</p>}
    </>
  );
}

function Become({ outcome }: { outcome: Outcome }) {
  if (outcome.reason) {
    return (
      <div className={styles.outcome}>
        <Badge tone="rust">{outcome.reason.replaceAll("_", " ")}</Badge>
        <p>{sentence(outcome.detail)}</p>
        <Payload bytes={outcome.payload} offset={outcome.errorOffset} length={outcome.errorLength} />
      </div>
    );
  }
  return (
    <div className={styles.outcome}>
      <Badge tone="accent">{outcome.eventCount === 1 ? "one event" : `${outcome.eventCount} events`}</Badge>
      {outcome.events.slice(0, 3).map((event) => (
        <dl key={event.messageId} className={styles.values}>
          <dt>Time</dt>
          <dd>{formatDateTime(millis(event.time) ?? 0)}</dd>
          {Object.entries(event.values).map(([name, value]) => (
            <div key={name} className={styles.value}>
              <dt className="mono">{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
      ))}
    </div>
  );
}
