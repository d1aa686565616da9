/** Facilities, their lines and stations: a tree with coordinates. */
import { useState } from "react";
import { depthOf, kindName, PlaceKind, useDeletePlace, usePlaces, type Place } from "../api/facility";
import { explain } from "../api/errors";
import { PlaceForm, type PlaceTask } from "../forms/PlaceForm";
import { formatCount } from "../format/number";
import { useRefusal } from "../hooks/useSession";
import { useTitle } from "../hooks/useTitle";
import { ActionCell } from "../ui/ActionCell";
import { Button } from "../ui/Button";
import { Confirm, Dialog } from "../ui/Dialog";
import { Page } from "../ui/Page";
import { Panel } from "../ui/Panel";
import { Empty, ErrorPanel, SkeletonRows } from "../ui/States";
import table from "../ui/Table.module.css";
import { useToasts } from "../ui/Toasts";

export default function FacilitiesPage() {
  useTitle("Facilities");
  const { data, error, refetch } = usePlaces();
  const refusal = useRefusal("facilities.write");
  const [task, setTask] = useState<PlaceTask>();
  const [ending, setEnding] = useState<Place>();
  const remove = useDeletePlace();
  const toasts = useToasts();
  const places = data?.places ?? [];

  async function end() {
    if (!ending) return;
    try {
      await remove.mutateAsync({ placeId: ending.placeId });
      toasts.done(`${ending.name} is deleted`);
    } catch (failure) {
      toasts.failed(`Could not delete ${ending.name}`, explain(failure).detail);
    }
    setEnding(undefined);
  }

  const create = (
    <Button kind="primary" icon="plus" disabledReason={refusal} onClick={() => setTask({ do: "create", parent: undefined })}>
      Add facility
    </Button>
  );
  return (
    <Page title="Facilities" note="Where devices stand. A device that names a new place makes it; renaming a place takes its devices along." actions={places.length > 0 && create}>
      {error && <ErrorPanel {...explain(error)} onRetry={refetch} />}
      <Panel flush>
        {!data && !error && <SkeletonRows rows={5} />}
        {data && places.length === 0 && (
          <Empty icon="building" title="No facilities yet" action={create}>
            A facility has lines, and a line has stations. People can be confined to facilities, and the fleet can be searched by them.
          </Empty>
        )}
        {places.length > 0 && (
          <table className={table.table}>
            <thead>
              <tr>
                <th scope="col">Place</th>
                <th scope="col">Kind</th>
                <th scope="col">Coordinates</th>
                <th scope="col" className={table.number}>
                  Devices
                </th>
                <th scope="col">
                  <span className="visually-hidden">Actions</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {places.map((place) => (
                <tr key={place.placeId}>
                  <td data-lead>
                    <span style={{ paddingInlineStart: depthOf(place) * 20 }}>{place.name}</span>
                  </td>
                  <td data-label="Kind" className={table.muted}>
                    {kindName[place.kind]}
                  </td>
                  <td data-label="Coordinates" className={table.muted}>
                    {place.coordinates ? `${place.coordinates.latitude.toFixed(4)}, ${place.coordinates.longitude.toFixed(4)}` : "–"}
                  </td>
                  <td data-label="Devices" className={table.number}>
                    {formatCount(place.devices)}
                  </td>
                  <ActionCell>
                    {place.kind !== PlaceKind.STATION && (
                      <Button size="small" disabledReason={refusal} onClick={() => setTask({ do: "create", parent: place })}>
                        {place.kind === PlaceKind.FACILITY ? "Add line" : "Add station"}
                      </Button>
                    )}
                    <Button size="small" disabledReason={refusal} onClick={() => setTask({ do: "edit", place })}>
                      Edit
                    </Button>
                    <Button size="small" kind="danger" disabledReason={refusal ?? (place.devices > 0 ? "Devices stand here." : undefined)} onClick={() => setEnding(place)}>
                      Delete
                    </Button>
                  </ActionCell>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </Panel>
      <Dialog title={task?.do === "edit" ? `Edit ${task.place.name}` : task?.parent ? `Add a ${task.parent.kind === PlaceKind.FACILITY ? "line" : "station"} to ${task.parent.name}` : "Add a facility"} open={task !== undefined} onClose={() => setTask(undefined)}>
        {task && <PlaceForm task={task} places={places} onDone={() => setTask(undefined)} />}
      </Dialog>
      <Confirm title={`Delete ${ending?.name ?? ""}?`} open={ending !== undefined} onClose={() => setEnding(undefined)} onConfirm={end} confirm={`Delete ${ending ? kindName[ending.kind] : ""}`} busy={remove.isPending}>
        The place is gone from the tree. Only an empty one can be deleted.
      </Confirm>
    </Page>
  );
}
