/** The groups that a device is in, and the gateways: for whom it speaks, and who speaks for it. */
import { useState, type FormEvent, type ReactNode } from "react";
import { Link } from "react-router";
import { explain } from "../../api/errors";
import { useGateway, useGroupsOf, useSetGateway, type Gateway } from "../../api/group";
import { useRefusal } from "../../hooks/useSession";
import { paths } from "../../paths";
import { Button } from "../../ui/Button";
import { Dialog, DialogActions } from "../../ui/Dialog";
import { TextField } from "../../ui/Field";
import { Panel } from "../../ui/Panel";
import { ErrorPanel, Notice } from "../../ui/States";
import { useToasts } from "../../ui/Toasts";
import styles from "./Device.module.css";

export function GroupsPanel({ deviceId }: { deviceId: string }) {
  const groups = useGroupsOf(deviceId);
  const gateway = useGateway(deviceId);
  const refusal = useRefusal("devices.write");
  const [editing, setEditing] = useState(false);
  const g = gateway.data?.gateway;
  const lines: Array<[string, ReactNode]> = [
    ["Groups", <Links key="g" names={groups.data?.groups.map((group) => group.groupId) ?? []} to={(group) => paths.group({ group })} />],
    ["Speaks for devices", <Links key="d" names={g?.deviceIds ?? []} to={(device) => paths.device({ device })} />],
    ["Speaks for groups", <Links key="s" names={g?.groupIds ?? []} to={(group) => paths.group({ group })} />],
    ["Spoken for by", <Links key="b" names={g?.spokenForBy ?? []} to={(device) => paths.device({ device })} />],
  ];
  const failure = groups.error ?? gateway.error;
  return (
    <Panel
      title="Groups and gateways"
      actions={
        <Button size="small" disabledReason={refusal} onClick={() => setEditing(true)}>
          Speaks for…
        </Button>
      }
      flush
    >
      {failure && <ErrorPanel {...explain(failure)} />}
      <dl className={styles.values}>
        {lines.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <Dialog title={`For whom ${deviceId} speaks`} open={editing} onClose={() => setEditing(false)}>
        {g && <SpeaksFor gateway={g} onDone={() => setEditing(false)} />}
      </Dialog>
    </Panel>
  );
}

function Links({ names, to }: { names: readonly string[]; to: (name: string) => string }) {
  if (names.length === 0) return "–";
  const shown = names.slice(0, 8);
  return (
    <>
      {shown.map((name, i) => (
        <span key={name}>
          {i > 0 && ", "}
          <Link to={to(name)}>{name}</Link>
        </span>
      ))}
      {names.length > shown.length && ` and ${names.length - shown.length} more`}
    </>
  );
}

const words = (text: string) => text.split(/[\s,;]+/).filter((word) => word !== "");

function SpeaksFor({ gateway, onDone }: { gateway: Gateway; onDone: () => void }) {
  const [devices, setDevices] = useState(gateway.deviceIds.join(", "));
  const [groups, setGroups] = useState(gateway.groupIds.join(", "));
  const save = useSetGateway();
  const toasts = useToasts();
  async function send(event: FormEvent) {
    event.preventDefault();
    try {
      await save.mutateAsync({ deviceId: gateway.deviceId, deviceIds: words(devices), groupIds: words(groups) });
      toasts.done("Saved", "It holds at the gateway within a second.");
      onDone();
    } catch {
      // Shown below from the mutation's own state.
    }
  }
  return (
    <form onSubmit={send} style={{ display: "grid", gap: "var(--space-4)" }}>
      {save.error && (
        <Notice tone="rust" icon="warning">
          {explain(save.error).detail}
        </Notice>
      )}
      <p>A gateway publishes to v1/devices/…/telemetry, and what it sends is stored as the other device's. Leave both empty and it is no gateway.</p>
      <TextField label="Devices" optional mono value={devices} onChange={(e) => setDevices(e.target.value)} />
      <TextField label="Groups" optional mono value={groups} hint="It speaks for every device of these." onChange={(e) => setGroups(e.target.value)} />
      <DialogActions>
        <Button kind="primary" type="submit" busy={save.isPending}>
          Save
        </Button>
      </DialogActions>
    </form>
  );
}
