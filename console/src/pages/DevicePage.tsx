/** One device: live and past, its certificates, and what of it was refused. */
import { useMemo, useState } from "react";
import { Link, useParams } from "react-router";
import { Code } from "@connectrpc/connect";
import { DeviceStatus, useDevice, type Device } from "../api/device";
import { measurementsByName, useDeviceType } from "../api/devicetype";
import { explain } from "../api/errors";
import { useLatest } from "../api/telemetry";
import { millis } from "../format/time";
import { measurementTitle } from "../format/unit";
import { useNow } from "../hooks/useNow";
import { useTitle } from "../hooks/useTitle";
import { useLiveState } from "../live/store";
import { useLiveDevice } from "../live/useLiveDevice";
import { paths } from "../paths";
import { buttonClass } from "../ui/Button";
import { Icon } from "../ui/Icon";
import { Page } from "../ui/Page";
import { Panel } from "../ui/Panel";
import { Empty, ErrorPanel, SkeletonRows } from "../ui/States";
import { StateBadge } from "../ui/StateBadge";
import { CertificatePanel } from "./device/CertificatePanel";
import { cutOff } from "./device/cutOff";
import { DeadLetterPanel } from "./device/DeadLetterPanel";
import { DetailPanel } from "./device/DetailPanel";
import { EditButtons } from "./device/EditButtons";
import styles from "./device/Device.module.css";
import { GroupsPanel } from "./device/GroupsPanel";
import { HistoryPanel } from "./device/HistoryPanel";
import { LatestPanel } from "./device/LatestPanel";
import { LivePanel } from "./device/LivePanel";
import { LiveSummary } from "./device/LiveSummary";
import { RangeBar } from "./device/RangeBar";
import { viewOf, type View } from "./device/ranges";
import { StandingNotice } from "./device/StandingNotice";
import { SuspendButton } from "./device/SuspendButton";
import { stateOf } from "./fleet/rows";

export default function DevicePage() {
  const { device: id = "" } = useParams();
  const { data, error, refetch } = useDevice(id);
  useTitle(id);
  if (error && explain(error).code === Code.NotFound) return <Missing id={id} />;
  return (
    <>
      {error && (
        <Page title={id} above={<Back />}>
          <ErrorPanel {...explain(error)} onRetry={refetch} />
        </Page>
      )}
      {!data && !error && (
        <Page title={<span className={styles.title}>{id}</span>} above={<Back />}>
          <Panel>
            <SkeletonRows rows={6} />
          </Panel>
        </Page>
      )}
      {data?.device && <Loaded key={id} device={data.device} />}
    </>
  );
}

function Loaded({ device }: { device: Device }) {
  const id = device.deviceId;
  const now = useNow(1000);
  const [view, setView] = useState<View>({ name: "live", range: { start: now - 3_600_000, end: now } });
  const [zooms, setZooms] = useState<View[]>([]);
  const live = useLiveDevice(id);
  const heard = useLiveState((s) => s.live.devices[id]);
  const connection = useLiveState((s) => s.live.connection);
  const latest = useLatest([id], connection === "open" ? 30_000 : 5_000).data?.devices[0];
  const lastSeen = Math.max(millis(latest?.receivedAt) ?? 0, heard?.received ?? 0) || undefined;
  const cut = cutOff(device, lastSeen, now);
  const values = { ...latest?.values, ...heard?.values };
  const names = Object.keys(values).sort();
  const typed = useDeviceType(device.deviceType).data?.deviceType?.measurements;
  const schema = useMemo(() => measurementsByName(typed), [typed]);

  function choose(next: View) {
    setView(next);
    setZooms([]);
  }

  return (
    <Page
      above={<Back />}
      title={
        <span className={styles.title}>
          {id} <StateBadge state={cut ? "cut" : stateOf(device.status, lastSeen, now)} />
        </span>
      }
      note={[measurementTitle(device.deviceType), device.location?.facility, device.location?.line, device.location?.station].filter(Boolean).join(" · ")}
      actions={
        device.status !== DeviceStatus.RETIRED && (
          <>
            <SuspendButton device={device} />
            <EditButtons device={device} />
          </>
        )
      }
    >
      <StandingNotice device={device} cut={cut} />
      <div className={styles.columns}>
        <div className={styles.main}>
          <RangeBar
            view={view}
            connection={connection}
            onName={(name) => choose(viewOf(name, Date.now(), view))}
            onView={(next) => {
              setView(next);
              setZooms(zooms.slice(0, -1));
            }}
            zoomedFrom={zooms.at(-1)}
          />
          <LiveSummary deviceId={id} names={names} values={values} on={view.name === "live"} />
          {view.name === "live" ? (
            <LivePanel schema={schema} live={live} names={names} values={values} everSeen={lastSeen !== undefined} />
          ) : (
            <HistoryPanel
              schema={schema}
              deviceId={id}
              range={view.range}
              onZoom={(range) => {
                setZooms([...zooms, view]);
                setView({ name: "custom", range });
              }}
            />
          )}
          <DeadLetterPanel deviceId={id} />
        </div>
        <div className={styles.side}>
          <LatestPanel schema={schema} values={values} received={lastSeen} />
          <CertificatePanel device={device} />
          <GroupsPanel deviceId={id} />
          <DetailPanel device={device} events={heard?.events ?? 0} missed={heard?.missed ?? 0} />
        </div>
      </div>
    </Page>
  );
}

function Back() {
  return (
    <Link to={paths.fleet()} className={styles.back}>
      <Icon name="back" size={18} /> Fleet
    </Link>
  );
}

function Missing({ id }: { id: string }) {
  return (
    <Page title="No such device" above={<Back />}>
      <Panel>
        <Empty
          icon="search"
          title={`There is no device ${id}`}
          action={
            <Link className={buttonClass("primary")} to={paths.fleet()}>
              See the whole fleet
            </Link>
          }
        >
          It may belong to another organisation, or its id may be written differently: ids tell upper and lower case apart.
        </Empty>
      </Panel>
    </Page>
  );
}
