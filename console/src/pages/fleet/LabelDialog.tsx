/** Sets labels of the selected devices and takes others away, as a job. */
import { useState } from "react";
import { useNavigate } from "react-router";
import { BulkAction, useAct } from "../../api/bulk";
import { explain } from "../../api/errors";
import { asRecord, PairsField, type Pair } from "../../forms/PairsField";
import { formatCount } from "../../format/number";
import { paths } from "../../paths";
import { Button } from "../../ui/Button";
import { Dialog, DialogActions } from "../../ui/Dialog";
import { TextField } from "../../ui/Field";
import { Notice } from "../../ui/States";
import { Some } from "./Some";

export function LabelDialog({ deviceIds, onClose }: { deviceIds: string[]; onClose: () => void }) {
  const [pairs, setPairs] = useState<Pair[]>([["", ""]]);
  const [away, setAway] = useState("");
  const act = useAct();
  const navigate = useNavigate();
  const setLabels = asRecord(pairs);
  const removeLabels = away.split(/[\s,]+/).filter((key) => key !== "");
  const nothing = Object.keys(setLabels).length + removeLabels.length === 0;
  async function begin() {
    const answer = await act.mutateAsync({ action: BulkAction.LABEL, deviceIds, setLabels, removeLabels }).catch(() => undefined);
    if (answer?.job) void navigate(paths.job({ job: answer.job.jobId }));
  }
  return (
    <Dialog title={`Label ${formatCount(deviceIds.length)} ${deviceIds.length === 1 ? "device" : "devices"}`} open onClose={onClose}>
      <Some deviceIds={deviceIds} />
      {act.error && (
        <Notice tone="rust" icon="warning">
          {explain(act.error).detail}
        </Notice>
      )}
      <PairsField label="Set" pairs={pairs} most={32} longest={128} onChange={setPairs} />
      <TextField label="Take away" optional mono hint="Keys, with commas between. Labels that are not named stay." value={away} onChange={(e) => setAway(e.target.value)} />
      <DialogActions>
        <Button onClick={onClose}>Cancel</Button>
        <Button kind="primary" busy={act.isPending} disabledReason={nothing ? "Name a label to set or to take away." : undefined} onClick={begin}>
          Label
        </Button>
      </DialogActions>
    </Dialog>
  );
}
