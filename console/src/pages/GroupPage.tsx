/** One group: its query and policy, its members, its end. */
import { useState } from "react";
import { useNavigate, useParams } from "react-router";
import { explain } from "../api/errors";
import { useDeleteGroup, useGroup, type Group } from "../api/group";
import { GroupForm } from "../forms/GroupForm";
import { formatCount } from "../format/number";
import { useRefusal } from "../hooks/useSession";
import { useTitle } from "../hooks/useTitle";
import { paths } from "../paths";
import { BackLink } from "../ui/BackLink";
import { Badge } from "../ui/Badge";
import { Button } from "../ui/Button";
import { Dialog, DialogActions } from "../ui/Dialog";
import { TextField } from "../ui/Field";
import { Page } from "../ui/Page";
import { Panel } from "../ui/Panel";
import { ErrorPanel, SkeletonRows } from "../ui/States";
import { useToasts } from "../ui/Toasts";
import { ActPanel } from "./groups/ActPanel";
import { MembersPanel } from "./groups/MembersPanel";

export default function GroupPage() {
  const { group: id = "" } = useParams();
  const { data, error, refetch } = useGroup(id);
  const group = data?.group;
  useTitle(group?.name ?? id);
  return (
    <Page
      title={group?.name ?? id}
      note={
        group && (
          <>
            {group.query ? <Badge tone="accent">by query</Badge> : <Badge>by hand</Badge>} {formatCount(group.members)} {group.members === 1 ? "device" : "devices"}
          </>
        )
      }
      above={<BackLink to={paths.groups()}>Groups</BackLink>}
      actions={group && <Delete group={group} />}
    >
      {error && <ErrorPanel {...explain(error)} onRetry={refetch} />}
      {!group && !error && (
        <Panel>
          <SkeletonRows rows={6} />
        </Panel>
      )}
      {group && (
        <>
          <Edit key={String(group.version)} group={group} />
          <ActPanel group={group} />
          <MembersPanel group={group} />
        </>
      )}
    </Page>
  );
}

function Edit({ group }: { group: Group }) {
  const refusal = useRefusal("groups.write");
  const toasts = useToasts();
  return (
    <Panel title="Query and policy" note="What is saved here holds at the gateway within a second.">
      <GroupForm group={group} refusal={refusal} onDone={() => toasts.done("The group is saved")} />
    </Panel>
  );
}

function Delete({ group }: { group: Group }) {
  const [asking, setAsking] = useState(false);
  const [typed, setTyped] = useState("");
  const refusal = useRefusal("groups.write");
  const remove = useDeleteGroup();
  const toasts = useToasts();
  const navigate = useNavigate();
  async function end() {
    try {
      await remove.mutateAsync({ groupId: group.groupId });
      toasts.done(`The group ${group.name} is gone`, "Its devices are held to it no more.");
      void navigate(paths.groups());
    } catch (failure) {
      toasts.failed("Could not delete it", explain(failure).detail);
      setAsking(false);
    }
  }
  return (
    <>
      <Button kind="danger" icon="trash" disabledReason={refusal} onClick={() => setAsking(true)}>
        Delete group
      </Button>
      <Dialog title={`Delete ${group.name}?`} open={asking} onClose={() => setAsking(false)}>
        <p>Its {formatCount(group.members)} devices stay, and are held to its policy no more. This cannot be undone.</p>
        <TextField label={`Type ${group.groupId} to confirm`} mono value={typed} onChange={(e) => setTyped(e.target.value)} />
        <DialogActions>
          <Button onClick={() => setAsking(false)}>Keep it</Button>
          <Button kind="danger" busy={remove.isPending} disabledReason={typed === group.groupId ? undefined : "Type the group's id first."} onClick={end}>
            Delete group
          </Button>
        </DialogActions>
      </Dialog>
    </>
  );
}
