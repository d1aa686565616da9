/** Puts the selected devices into a group whose members are chosen by hand. */
import { useState } from "react";
import { Link, useNavigate } from "react-router";
import { explain } from "../../api/errors";
import { useAddMembers, useGroups } from "../../api/group";
import { formatCount } from "../../format/number";
import { paths } from "../../paths";
import { Button, buttonClass } from "../../ui/Button";
import { Dialog, DialogActions } from "../../ui/Dialog";
import { SelectField } from "../../ui/Field";
import { Empty, ErrorPanel, Notice, SkeletonRows } from "../../ui/States";
import { useToasts } from "../../ui/Toasts";
import { Some } from "./Some";

/** What one call takes. */
const atOnce = 1000;

export function GroupDialog({ deviceIds, onClose }: { deviceIds: string[]; onClose: () => void }) {
  const { data, error, refetch } = useGroups();
  const groups = data?.groups.filter((g) => g.query === "");
  const [chosen, setChosen] = useState("");
  const groupId = chosen || groups?.[0]?.groupId || "";
  const add = useAddMembers();
  const toasts = useToasts();
  const navigate = useNavigate();
  async function begin() {
    try {
      for (let i = 0; i < deviceIds.length; i += atOnce) await add.mutateAsync({ groupId, deviceIds: deviceIds.slice(i, i + atOnce) });
      toasts.done(`${formatCount(deviceIds.length)} ${deviceIds.length === 1 ? "device is" : "devices are"} in ${groupId}`);
      void navigate(paths.group({ group: groupId }));
    } catch {
      // Shown below from the mutation's own state.
    }
  }
  return (
    <Dialog title={`Add ${formatCount(deviceIds.length)} ${deviceIds.length === 1 ? "device" : "devices"} to a group`} open onClose={onClose}>
      {error && <ErrorPanel {...explain(error)} onRetry={refetch} />}
      {!groups && !error && <SkeletonRows rows={2} />}
      {groups?.length === 0 && (
        <Empty
          compact
          icon="store"
          title="No group with members by hand"
          action={
            <Link className={buttonClass("primary")} to={paths.newGroup()}>
              New group
            </Link>
          }
        >
          The members of the other groups are found by their query; a label may bring devices into them.
        </Empty>
      )}
      {groups && groups.length > 0 && (
        <>
          <Some deviceIds={deviceIds} />
          {add.error && (
            <Notice tone="rust" icon="warning">
              {explain(add.error).detail}
            </Notice>
          )}
          <SelectField label="Group" value={groupId} onChange={(e) => setChosen(e.target.value)}>
            {groups.map((g) => (
              <option key={g.groupId} value={g.groupId}>
                {g.name || g.groupId}
              </option>
            ))}
          </SelectField>
          <DialogActions>
            <Button onClick={onClose}>Cancel</Button>
            <Button kind="primary" busy={add.isPending} onClick={begin}>
              Add to group
            </Button>
          </DialogActions>
        </>
      )}
    </Dialog>
  );
}
