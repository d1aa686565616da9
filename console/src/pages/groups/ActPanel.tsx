/** Does one thing to every device of a group, as a job. */
import { useState } from "react";
import { useNavigate } from "react-router";
import { useAct } from "../../api/bulk";
import { explain } from "../../api/errors";
import type { Group } from "../../api/group";
import { bulkChoices } from "../../forms/bulkActions";
import { formatCount } from "../../format/number";
import { useRefusal } from "../../hooks/useSession";
import { paths } from "../../paths";
import { Button } from "../../ui/Button";
import { Dialog, DialogActions } from "../../ui/Dialog";
import { SelectField, TextField } from "../../ui/Field";
import { Panel } from "../../ui/Panel";
import { Notice } from "../../ui/States";
import styles from "./MembersPanel.module.css";

export function ActPanel({ group }: { group: Group }) {
  const [at, setAt] = useState(0);
  const [asking, setAsking] = useState(false);
  const [typed, setTyped] = useState("");
  const choice = bulkChoices[at] ?? bulkChoices[0]!;
  const refusal = useRefusal(choice.needs) ?? (group.members === 0 ? "The group has no device." : undefined);
  const act = useAct();
  const navigate = useNavigate();
  async function begin() {
    const answer = await act.mutateAsync({ action: choice.action, groupId: group.groupId }).catch(() => undefined);
    if (answer?.job) void navigate(paths.job({ job: answer.job.jobId }));
  }
  return (
    <Panel title="All of its devices" note="Done one by one as a job, with a reason for each that fails." flush>
      <div className={styles.add}>
        <SelectField label="What to do" value={at} onChange={(e) => setAt(Number(e.target.value))}>
          {bulkChoices.map((c, i) => (
            <option key={c.label} value={i}>
              {c.label}
            </option>
          ))}
        </SelectField>
        <Button icon="play" disabledReason={refusal} onClick={() => setAsking(true)}>
          {choice.label} {formatCount(group.members)} {group.members === 1 ? "device" : "devices"}
        </Button>
      </div>
      <Dialog title={`${choice.label}: ${formatCount(group.members)} devices of ${group.name}?`} open={asking} onClose={() => setAsking(false)}>
        <p>{choice.warning}</p>
        {act.error && (
          <Notice tone="rust" icon="warning">
            {explain(act.error).detail}
          </Notice>
        )}
        {choice.typed && <TextField label={`Type ${group.groupId} to confirm`} mono value={typed} onChange={(e) => setTyped(e.target.value)} />}
        <DialogActions>
          <Button onClick={() => setAsking(false)}>Not now</Button>
          <Button kind={choice.typed ? "danger" : "primary"} busy={act.isPending} disabledReason={!choice.typed || typed === group.groupId ? undefined : "Type the group's id first."} onClick={begin}>
            {choice.label}
          </Button>
        </DialogActions>
      </Dialog>
    </Panel>
  );
}
