/** One device type: its schema, to read and to change. */
import { Link, useNavigate, useParams } from "react-router";
import { useState } from "react";
import { useDeleteDeviceType, useDeviceType } from "../api/devicetype";
import { explain } from "../api/errors";
import { DeviceTypeForm } from "../forms/DeviceTypeForm";
import { useRefusal } from "../hooks/useSession";
import { useTitle } from "../hooks/useTitle";
import { paths } from "../paths";
import { Button } from "../ui/Button";
import { Confirm } from "../ui/Dialog";
import { Icon } from "../ui/Icon";
import { Page } from "../ui/Page";
import { Panel } from "../ui/Panel";
import { ErrorPanel, SkeletonRows } from "../ui/States";
import { useToasts } from "../ui/Toasts";
import styles from "./device/Device.module.css";

export default function DeviceTypePage() {
  const { type = "" } = useParams();
  useTitle(type);
  const { data, error, refetch } = useDeviceType(type);
  const refusal = useRefusal("device_types.write");
  const remove = useDeleteDeviceType();
  const [asking, setAsking] = useState(false);
  const navigate = useNavigate();
  const toasts = useToasts();
  const found = data?.deviceType;
  const inUse = found && found.devices > 0 ? `${found.devices} ${found.devices === 1 ? "device has" : "devices have"} this type: give them another first.` : undefined;

  async function end() {
    try {
      await remove.mutateAsync({ deviceType: type });
      toasts.done(`The type ${type} is deleted`);
      await navigate(paths.deviceTypes());
    } catch (failure) {
      toasts.failed("Could not delete it", explain(failure).detail);
    }
    setAsking(false);
  }

  return (
    <Page
      title={<span className={styles.title}>{type}</span>}
      above={
        <Link to={paths.deviceTypes()} className={styles.back}>
          <Icon name="back" size={18} /> Device types
        </Link>
      }
      actions={
        found && (
          <Button kind="danger" icon="trash" disabledReason={refusal ?? inUse} onClick={() => setAsking(true)}>
            Delete
          </Button>
        )
      }
    >
      {error && <ErrorPanel {...explain(error)} onRetry={refetch} />}
      <Panel>
        {!found && !error && <SkeletonRows rows={5} />}
        {found && <DeviceTypeForm key={String(found.version)} type={found} refusal={refusal} />}
      </Panel>
      <Confirm title={`Delete ${type}?`} open={asking} onClose={() => setAsking(false)} onConfirm={end} confirm="Delete type" busy={remove.isPending}>
        What it says of measurements is gone. This cannot be undone.
      </Confirm>
    </Page>
  );
}
