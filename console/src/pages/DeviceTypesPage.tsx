/** Device types: what devices of one kind measure. */
import { useState, type FormEvent } from "react";
import { Link, useNavigate } from "react-router";
import { UnknownMeasurements, useCreateDeviceType, useDeviceTypes } from "../api/devicetype";
import { explain } from "../api/errors";
import { deviceTypeProblem } from "../forms/deviceId";
import styles from "../forms/form.module.css";
import { formatCount } from "../format/number";
import { useRefusal } from "../hooks/useSession";
import { useTitle } from "../hooks/useTitle";
import { paths } from "../paths";
import { Button } from "../ui/Button";
import { Dialog, DialogActions } from "../ui/Dialog";
import { TextField } from "../ui/Field";
import { Page } from "../ui/Page";
import { Panel } from "../ui/Panel";
import { Empty, ErrorPanel, Notice, SkeletonRows } from "../ui/States";
import table from "../ui/Table.module.css";

export const unknownWords: Record<UnknownMeasurements, string> = {
  [UnknownMeasurements.UNSPECIFIED]: "accepted",
  [UnknownMeasurements.ACCEPT]: "accepted",
  [UnknownMeasurements.DROP]: "dropped",
  [UnknownMeasurements.DEAD_LETTER]: "refused",
};

export default function DeviceTypesPage() {
  useTitle("Device types");
  const { data, error, refetch } = useDeviceTypes();
  const refusal = useRefusal("device_types.write");
  const [making, setMaking] = useState(false);
  const types = data?.deviceTypes;
  const create = (
    <Button kind="primary" icon="plus" disabledReason={refusal} onClick={() => setMaking(true)}>
      Create type
    </Button>
  );
  return (
    <Page title="Device types" note="What devices of a kind measure, in which units and bounds. The gateway holds every event against it." actions={types && types.length > 0 && create}>
      {error && <ErrorPanel {...explain(error)} onRetry={refetch} />}
      <Panel flush>
        {!data && !error && <SkeletonRows rows={4} />}
        {types?.length === 0 && (
          <Empty icon="list" title="No types yet" action={create}>
            A type comes with the first device that names it. Describe what it measures, and charts get their units while impossible values are refused.
          </Empty>
        )}
        {types && types.length > 0 && (
          <table className={table.table}>
            <thead>
              <tr>
                <th scope="col">Type</th>
                <th scope="col">Description</th>
                <th scope="col">Measurements</th>
                <th scope="col">Others are</th>
                <th scope="col" className={table.number}>
                  Devices
                </th>
              </tr>
            </thead>
            <tbody>
              {types.map((t) => (
                <tr key={t.deviceType}>
                  <td data-lead>
                    <Link to={paths.deviceType({ type: t.deviceType })}>{t.deviceType}</Link>
                  </td>
                  <td data-label="Description" className={table.muted}>
                    {t.description || "–"}
                  </td>
                  <td data-label="Measurements">{t.measurements.length === 0 ? "none listed" : t.measurements.length}</td>
                  <td data-label="Others are">{unknownWords[t.unknownMeasurements]}</td>
                  <td data-label="Devices" className={table.number}>
                    {formatCount(t.devices)}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </Panel>
      <Dialog title="Create a device type" open={making} onClose={() => setMaking(false)}>
        <NewType onCancel={() => setMaking(false)} />
      </Dialog>
    </Page>
  );
}

function NewType({ onCancel }: { onCancel: () => void }) {
  const [type, setType] = useState("");
  const [tried, setTried] = useState(false);
  const create = useCreateDeviceType();
  const navigate = useNavigate();
  const problem = deviceTypeProblem(type);

  async function send(event: FormEvent) {
    event.preventDefault();
    setTried(true);
    if (problem) return;
    try {
      await create.mutateAsync({ deviceType: type });
      await navigate(paths.deviceType({ type }));
    } catch {
      // Shown below from the mutation's own state.
    }
  }

  return (
    <form className={styles.form} onSubmit={send} noValidate>
      {create.error && (
        <Notice tone="rust" icon="warning">
          {explain(create.error).detail}
        </Notice>
      )}
      <TextField label="Device type" mono autoComplete="off" placeholder="hydraulic_press" hint="Letters, digits, _ and -. It cannot be changed later." value={type} error={tried ? problem : undefined} onChange={(e) => setType(e.target.value)} />
      <DialogActions>
        <Button onClick={onCancel}>Cancel</Button>
        <Button kind="primary" type="submit" busy={create.isPending}>
          Create type
        </Button>
      </DialogActions>
    </form>
  );
}
