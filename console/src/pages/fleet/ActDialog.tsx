/** Asks before something is done to the selected devices, and begins the job. */
import { useState } from "react";
import { useNavigate } from "react-router";
import { useAct } from "../../api/bulk";
import { explain } from "../../api/errors";
import type { BulkChoice } from "../../forms/bulkActions";
import { formatCount } from "../../format/number";
import { paths } from "../../paths";
import { Button } from "../../ui/Button";
import { Dialog, DialogActions } from "../../ui/Dialog";
import { TextField } from "../../ui/Field";
import { Notice } from "../../ui/States";
import { Some } from "./Some";

export function ActDialog({ choice, deviceIds, onClose }: { choice: BulkChoice; deviceIds: string[]; onClose: () => void }) {
  const [typed, setTyped] = useState("");
  const act = useAct();
  const navigate = useNavigate();
  const word = `${choice.label.split(" ")[0]?.toLowerCase()} ${deviceIds.length}`;
  async function begin() {
    const answer = await act.mutateAsync({ action: choice.action, deviceIds }).catch(() => undefined);
    if (answer?.job) void navigate(paths.job({ job: answer.job.jobId }));
  }
  return (
    <Dialog title={`${choice.label}: ${formatCount(deviceIds.length)} ${deviceIds.length === 1 ? "device" : "devices"}?`} open onClose={onClose}>
      <p>{choice.warning}</p>
      <Some deviceIds={deviceIds} />
      {act.error && (
        <Notice tone="rust" icon="warning">
          {explain(act.error).detail}
        </Notice>
      )}
      {choice.typed && <TextField label={`Type ${word} to confirm`} mono autoComplete="off" spellCheck={false} value={typed} onChange={(e) => setTyped(e.target.value)} />}
      <DialogActions>
        <Button onClick={onClose}>Cancel</Button>
        <Button kind={choice.typed ? "danger" : "primary"} busy={act.isPending} disabledReason={!choice.typed || typed.trim() === word ? undefined : `Type ${word} first.`} onClick={begin}>
          {choice.label}
        </Button>
      </DialogActions>
    </Dialog>
  );
}
