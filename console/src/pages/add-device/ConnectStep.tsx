/** The bundle, the commands that use it, and the wait for the first message. */
import { useEffect, useState } from "react";
import type { Credentials } from "../../api/device";
import { useLatest } from "../../api/telemetry";
import { curlCommand, mosquittoCommand, unpackCommand } from "../../bundle/bundle";
import { BundleDownload } from "../../bundle/BundleDownload";
import { useSession } from "../../hooks/useSession";
import { useLiveState } from "../../live/store";
import { useLiveDevice } from "../../live/useLiveDevice";
import { CopyBlock } from "../../ui/CopyBlock";
import { Cog } from "../../ui/Logo";
import { Panel } from "../../ui/Panel";
import { Segmented } from "../../ui/Segmented";
import { Notice } from "../../ui/States";
import styles from "../AddDevicePage.module.css";
import { FirstMessage } from "./FirstMessage";

interface ConnectStepProps {
  deviceId: string;
  credentials: Credentials;
  onSaved: () => void;
  onArrived: () => void;
}

export function ConnectStep({ deviceId, credentials, onSaved, onArrived }: ConnectStepProps) {
  const { tenant } = useSession();
  const [way, setWay] = useState<"mqtt" | "https">("mqtt");
  useLiveDevice(deviceId);
  const heard = useLiveState((s) => s.live.devices[deviceId]);
  // The stream tells at once; asking covers a stream that cannot be had.
  const asked = useLatest([deviceId], heard ? false : 2_000).data?.devices[0];
  const values = heard?.values ?? asked?.values;
  const arrived = values !== undefined;

  useEffect(() => {
    if (arrived) onArrived();
  }, [arrived, onArrived]);

  if (values) return <FirstMessage deviceId={deviceId} values={values} />;
  return (
    <>
      <Panel title="1. Save the certificate bundle" note="The device's certificate, its private key, and the authority that it should trust">
        <div className={styles.stack}>
          <BundleDownload deviceId={deviceId} credentials={credentials} onDownload={onSaved} />
          <Notice tone="brass" icon="warning">
            The private key is shown this once and kept nowhere here. If you lose it, issue a new certificate on the device's page.
          </Notice>
        </div>
      </Panel>
      <Panel
        title="2. Send a message"
        note="Any MQTT client or HTTPS client will do"
        actions={
          <Segmented
            label="Protocol"
            value={way}
            onChange={setWay}
            choices={[
              { value: "mqtt", label: "MQTT" },
              { value: "https", label: "HTTPS" },
            ]}
          />
        }
      >
        <div className={styles.stack}>
          <CopyBlock label="the unpacking command" text={unpackCommand(deviceId)} />
          {way === "mqtt" ? <CopyBlock label="the mosquitto_pub command" text={mosquittoCommand(tenant.mqttAddress)} /> : <CopyBlock label="the curl command" text={curlCommand(tenant.ingestUrl)} />}
        </div>
      </Panel>
      <Panel>
        <div className={styles.waiting} role="status">
          <div className={styles.cogs} aria-hidden="true">
            <span>
              <Cog size={42} />
            </span>
            <span>
              <Cog size={36} />
            </span>
          </div>
          <div>
            <h2>Waiting for the first message…</h2>
            <p>This page notices by itself when {deviceId} is heard. You can leave, too: the device is in your fleet already.</p>
          </div>
        </div>
      </Panel>
    </>
  );
}
