/** Add a device: describe it, save its certificate, see its first message arrive. */
import { useState } from "react";
import type { Credentials } from "../api/device";
import { DeviceForm } from "../forms/DeviceForm";
import { useRefusal } from "../hooks/useSession";
import { useTitle } from "../hooks/useTitle";
import { Page } from "../ui/Page";
import { Panel } from "../ui/Panel";
import { Empty } from "../ui/States";
import styles from "./AddDevicePage.module.css";
import { ConnectStep } from "./add-device/ConnectStep";

const steps = ["Describe it", "Save its certificate", "Send a message"];

export default function AddDevicePage() {
  const refusal = useRefusal("devices.write");
  const [made, setMade] = useState<{ deviceId: string; credentials: Credentials }>();
  const [saved, setSaved] = useState(false);
  const [arrived, setArrived] = useState(false);
  const step = !made ? 0 : arrived ? 3 : saved ? 2 : 1;
  useTitle("Add a device");

  if (refusal) {
    return (
      <Page title="Add a device" narrow>
        <Panel>
          <Empty icon="certificate" title="Ask an admin for this">
            {refusal}
          </Empty>
        </Panel>
      </Page>
    );
  }
  return (
    <Page title={made ? made.deviceId : "Add a device"} note={made ? "Connect it with its own certificate" : "It gets a certificate of its own; nothing else can speak in its name."} narrow>
      <ol className={styles.steps}>
        {steps.map((label, i) => (
          <li key={label} aria-current={i === step ? "step" : undefined} data-done={i < step || undefined}>
            {label}
          </li>
        ))}
      </ol>
      {made ? (
        <ConnectStep {...made} onSaved={() => setSaved(true)} onArrived={() => setArrived(true)} />
      ) : (
        <Panel>
          <DeviceForm onDone={(deviceId, credentials) => setMade({ deviceId, credentials })} />
        </Panel>
      )}
    </Page>
  );
}
