/** Gives a key another secret; the present one stays good for a chosen time. */
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { useState } from "react";
import { explain } from "../../../api/errors";
import { useRotateKey, type Key } from "../../../api/key";
import form from "../../../forms/form.module.css";
import { day, hour } from "../../../format/time";
import { Button } from "../../../ui/Button";
import { Dialog, DialogActions } from "../../../ui/Dialog";
import { SelectField } from "../../../ui/Field";
import { Notice } from "../../../ui/States";
import { NewSecret } from "./NewSecret";

export function RotateKey({ apiKey, onClose }: { apiKey: Key | undefined; onClose: () => void }) {
  return (
    <Dialog title={`Rotate ${apiKey?.name ?? ""}`} open={apiKey !== undefined} onClose={onClose}>
      {apiKey && <Rotate apiKey={apiKey} onClose={onClose} />}
    </Dialog>
  );
}

function Rotate({ apiKey, onClose }: { apiKey: Key; onClose: () => void }) {
  const [overlap, setOverlap] = useState(day);
  const [secret, setSecret] = useState<string>();
  const rotate = useRotateKey();
  async function send() {
    try {
      setSecret((await rotate.mutateAsync({ keyId: apiKey.keyId, overlap: durationFromMs(overlap) })).secret);
    } catch {
      // Shown below from the mutation's own state.
    }
  }
  if (secret) return <NewSecret secret={secret} onDone={onClose} />;
  return (
    <div className={form.form}>
      {rotate.isError && (
        <Notice tone="rust" icon="warning">
          {explain(rotate.error).detail}
        </Notice>
      )}
      <p>The key gets a new secret. The present one goes on working for a while, so that programs can change over one by one.</p>
      <SelectField label="The present secret works for" value={overlap} onChange={(e) => setOverlap(Number(e.target.value))} hint={apiKey.secrets.length > 1 ? "A rotation is under way already: the oldest secret ends now." : undefined}>
        <option value={0}>no longer: it ends now</option>
        <option value={hour}>an hour</option>
        <option value={day}>a day</option>
        <option value={7 * day}>a week</option>
        <option value={30 * day}>30 days</option>
      </SelectField>
      <DialogActions>
        <Button onClick={onClose}>Cancel</Button>
        <Button kind="primary" busy={rotate.isPending} onClick={send}>
          Rotate key
        </Button>
      </DialogActions>
    </div>
  );
}
