/** The devices of a group; of one without a query they are added and taken out here. */
import { useState, type FormEvent } from "react";
import { Link } from "react-router";
import { explain } from "../../api/errors";
import { useAddMembers, useMembers, useRemoveMembers, type Group } from "../../api/group";
import { useRefusal } from "../../hooks/useSession";
import { paths } from "../../paths";
import { ActionCell } from "../../ui/ActionCell";
import { Button } from "../../ui/Button";
import { TextField } from "../../ui/Field";
import { Panel } from "../../ui/Panel";
import { Empty, ErrorPanel, SkeletonRows } from "../../ui/States";
import table from "../../ui/Table.module.css";
import { useToasts } from "../../ui/Toasts";
import styles from "./MembersPanel.module.css";

export function MembersPanel({ group }: { group: Group }) {
  const { data, error, refetch, hasNextPage, fetchNextPage, isFetchingNextPage } = useMembers(group.groupId);
  const refusal = useRefusal("groups.write");
  const remove = useRemoveMembers();
  const add = useAddMembers();
  const toasts = useToasts();
  const byHand = group.query === "";
  const ids = data?.pages.flatMap((page) => page.deviceIds);

  async function takeOut(device: string) {
    try {
      await remove.mutateAsync({ groupId: group.groupId, deviceIds: [device] });
      toasts.done(`${device} is out of the group`);
    } catch (failure) {
      toasts.failed("Could not take it out", explain(failure).detail);
    }
  }

  return (
    <Panel title="Members" note={byHand ? "Added and taken out by hand." : "Worked out with every change of a device or of the query."} flush>
      {byHand && !refusal && <Add busy={add.isPending} error={add.error ? explain(add.error).detail : undefined} onAdd={(deviceIds) => add.mutateAsync({ groupId: group.groupId, deviceIds })} />}
      {error && <ErrorPanel {...explain(error)} onRetry={refetch} />}
      {!ids && !error && <SkeletonRows rows={4} />}
      {ids?.length === 0 && (
        <Empty compact icon="fleet" title="No device is in this group">
          {byHand ? "Write the ids of devices above." : "The query finds none now; a device that fits comes in by itself."}
        </Empty>
      )}
      {ids && ids.length > 0 && (
        <table className={table.table}>
          <thead>
            <tr>
              <th scope="col">Device</th>
              {byHand && (
                <th scope="col">
                  <span className="visually-hidden">Actions</span>
                </th>
              )}
            </tr>
          </thead>
          <tbody>
            {ids.map((device) => (
              <tr key={device}>
                <td data-lead>
                  <Link className="mono" to={paths.device({ device })}>
                    {device}
                  </Link>
                </td>
                {byHand && (
                  <ActionCell>
                    <Button size="small" disabledReason={refusal} onClick={() => takeOut(device)} aria-label={`Take ${device} out`}>
                      Take out
                    </Button>
                  </ActionCell>
                )}
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {hasNextPage && (
        <Button kind="quiet" wide busy={isFetchingNextPage} onClick={() => fetchNextPage()}>
          Show more
        </Button>
      )}
    </Panel>
  );
}

function Add({ busy, error, onAdd }: { busy: boolean; error: string | undefined; onAdd: (ids: string[]) => Promise<unknown> }) {
  const [text, setText] = useState("");
  async function send(event: FormEvent) {
    event.preventDefault();
    const ids = text.split(/[\s,;]+/).filter((id) => id !== "");
    if (ids.length === 0) return;
    try {
      await onAdd(ids);
      setText("");
    } catch {
      // Shown at the field.
    }
  }
  return (
    <form className={styles.add} onSubmit={send}>
      <TextField label="Add devices" mono value={text} placeholder="press_01, press_02" error={error} hint="Ids, with commas or spaces between." onChange={(e) => setText(e.target.value)} />
      <Button type="submit" icon="plus" busy={busy}>
        Add
      </Button>
    </form>
  );
}
