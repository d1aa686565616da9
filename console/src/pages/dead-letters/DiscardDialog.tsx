/** Closes letters for good, with a reason for those who look later. */
import { useState } from "react";
import { discardLetters, type Selection } from "../../api/deadLetter";
import { explain } from "../../api/errors";
import form from "../../forms/form.module.css";
import { Button } from "../../ui/Button";
import { Dialog, DialogActions } from "../../ui/Dialog";
import { TextField } from "../../ui/Field";
import { useToasts } from "../../ui/Toasts";

export function DiscardDialog({ title, selection, onClose }: { title: string; selection: Selection; onClose: () => void }) {
  const [why, setWhy] = useState("");
  const [busy, setBusy] = useState(false);
  const toasts = useToasts();
  async function discard() {
    setBusy(true);
    try {
      const count = await discardLetters(selection, why.trim());
      toasts.done(count === 1 ? "One letter was discarded" : `${count} letters were discarded`);
    } catch (error) {
      toasts.failed("Not everything was discarded", explain(error).detail);
    }
    onClose();
  }
  return (
    <Dialog title={`Discard ${title}?`} open onClose={onClose}>
      <div className={form.form}>
        <p>They are closed and not replayed any more. Their messages are kept until they expire.</p>
        <TextField label="Reason" value={why} maxLength={200} onChange={(event) => setWhy(event.target.value)} hint="For those who look later, e.g. “test bench, not production”" />
        <DialogActions>
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="danger" busy={busy} disabledReason={why.trim() ? undefined : "Say why first."} onClick={discard}>
            Discard
          </Button>
        </DialogActions>
      </div>
    </Dialog>
  );
}
