/** Settings: the organisation, its limits and its addresses. */
import { formatBytes, formatCount } from "../../format/number";
import { formatDate, millis } from "../../format/time";
import { SettingsForm } from "../../forms/SettingsForm";
import { roleName, useRefusal, useSession } from "../../hooks/useSession";
import { Panel } from "../../ui/Panel";
import { DeletionPanel } from "./organisation/DeletionPanel";
import { OwnershipPanel } from "./organisation/OwnershipPanel";
import { SecondFactorSwitch } from "./SecondFactorSwitch";
import styles from "./Settings.module.css";

export default function OrganisationPage() {
  const session = useSession();
  const { tenant } = session;
  const { limits } = tenant;
  const created = millis(tenant.createdAt);
  const refusal = useRefusal("tenant.write");
  return (
    <div className={styles.grid}>
      <div className={styles.stack}>
        <Panel title="Settings" note="For everybody in this organisation">
          <SettingsForm key={tenant.tenantId} tenant={tenant} refusal={refusal} />
        </Panel>
        <OwnershipPanel />
        <DeletionPanel />
      </div>
      <div className={styles.stack}>
        <List
          title="Organisation"
          lines={[
            ["Short name", tenant.slug],
            ["Id", tenant.tenantId, true],
            ["Plan", tenant.plan || "–"],
            ["Founded", created === undefined ? "–" : formatDate(created)],
            ["Your role", roleName(session)],
          ]}
        />
        <SecondFactorSwitch />
        <List
          title="Addresses"
          note="Where devices and programs of this organisation connect"
          lines={[
            ["Region", tenant.region],
            ["Cell", tenant.cell],
            ["Cell API", tenant.cellUrl, true],
            ["MQTT over TLS", tenant.mqttAddress, true],
            ["MQTT over WebSocket", tenant.mqttWebsocketUrl, true],
            ["NATS over TLS", tenant.natsUrl, true],
            ["HTTPS ingest", tenant.ingestUrl, true],
          ]}
        />
      </div>
      {limits && (
        <List
          title="Limits"
          note="What this plan allows at most"
          lines={[
            ["Devices", formatCount(limits.devices)],
            ["Events a second, sustained", formatCount(limits.eventsPerSecond)],
            ["Events at once", formatCount(limits.eventsBurst)],
            ["Events a UTC day", formatCount(limits.eventsPerDay)],
            ["Size of one message", formatBytes(limits.payloadBytes)],
            ["Measurements of one device", formatCount(limits.measurementsPerDevice)],
            ["API keys", formatCount(limits.keys)],
            ["Members", formatCount(limits.members)],
          ]}
        />
      )}
    </div>
  );
}

function List({ title, note, lines }: { title: string; note?: string; lines: Array<[string, string, true?]> }) {
  return (
    <Panel title={title} note={note} flush>
      <dl className={styles.list}>
        {lines.map(([name, value, mono]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd className={mono && "mono"}>{value || "–"}</dd>
          </div>
        ))}
      </dl>
    </Panel>
  );
}
