/** The fleet: devices as the server finds them, whether they live, and what they said last. */
import { useDeferredValue, useMemo, useState } from "react";
import { Link } from "react-router";
import { DeviceStatus, useDevicePage, type DeviceFilter } from "../api/device";
import { explain } from "../api/errors";
import { useLatest } from "../api/telemetry";
import { formatCount } from "../format/number";
import { phone, useMedia } from "../hooks/useMedia";
import { useNow } from "../hooks/useNow";
import { useSession } from "../hooks/useSession";
import { useTitle } from "../hooks/useTitle";
import { useLiveState } from "../live/store";
import { useFleetWatch } from "../live/useFleetWatch";
import { paths } from "../paths";
import { buttonClass } from "../ui/Button";
import { Icon } from "../ui/Icon";
import { Page } from "../ui/Page";
import { Panel } from "../ui/Panel";
import { Empty, ErrorPanel, SkeletonRows } from "../ui/States";
import { AddDeviceLink } from "./fleet/AddDeviceLink";
import { FleetCards } from "./fleet/FleetCards";
import { FleetTable } from "./fleet/FleetTable";
import { FleetTools } from "./fleet/FleetTools";
import { Pager } from "./fleet/Pager";
import { buildRows } from "./fleet/rows";

const everything: DeviceFilter = { query: "", deviceType: "", status: DeviceStatus.UNSPECIFIED, facility: "", line: "", label: "" };

export default function FleetPage() {
  const { tenant } = useSession();
  const [filter, setFilter] = useState(everything);
  /** The tokens of the pages gone through, the page in sight last; the first page has none. */
  const [tokens, setTokens] = useState([""]);
  const asked = useDeferredValue(filter);
  const devices = useDevicePage(asked, tokens.at(-1) ?? "");
  const live = useLiveState((s) => s.live.devices);
  const now = useNow(1000);
  const small = useMedia(phone);
  useTitle("Fleet");

  const list = devices.data?.devices;
  const ids = useMemo(() => (list ?? []).map((d) => d.deviceId), [list]);
  const latest = useLatest(ids, 10_000, ids.length > 0);
  const rows = useMemo(() => buildRows(list ?? [], latest.data?.devices ?? [], live, now), [list, latest.data, live, now]);
  useFleetWatch(ids);

  const filtered = JSON.stringify(asked) !== JSON.stringify(everything);
  const none = devices.data?.total === 0 && !filtered;
  const change = (next: Partial<DeviceFilter>) => {
    setFilter({ ...filter, ...next });
    setTokens([""]);
  };
  const pager = (
    <Pager page={tokens.length - 1} more={!!devices.data?.nextPageToken} onBack={() => setTokens(tokens.slice(0, -1))} onNext={() => setTokens([...tokens, devices.data?.nextPageToken ?? ""])} />
  );

  return (
    <Page title="Fleet" note={devices.data && !none ? counted(devices.data.total, devices.data.totalIsMinimum, filtered) : tenant.name} actions={!none && <FleetActions />}>
      {devices.error && <ErrorPanel {...explain(devices.error)} onRetry={devices.refetch} />}
      {latest.error && !devices.error && <ErrorPanel title="No live values" detail={`The cell did not answer: ${explain(latest.error).detail}`} onRetry={latest.refetch} />}
      {none && <FirstDevice />}
      {!none && <FleetTools filter={filter} onChange={change} />}
      {!none && !devices.error && !devices.data && (
        <Panel flush>
          <SkeletonRows rows={8} />
        </Panel>
      )}
      {!none && devices.data && rows.length === 0 && (
        <Panel>
          <Empty icon="search" title="No device matches" action={<ClearButton onClick={() => change(everything)} />}>
            Nothing in this fleet fits what you are looking for.
          </Empty>
        </Panel>
      )}
      {rows.length > 0 &&
        (small ? (
          <>
            <FleetCards rows={rows} now={now} />
            {pager}
          </>
        ) : (
          <Panel flush>
            <FleetTable rows={rows} now={now} />
            {pager}
          </Panel>
        ))}
    </Page>
  );
}

/** "1,234 devices", "more than 10,000 devices", "12 devices match". */
function counted(total: number, minimum: boolean, filtered: boolean): string {
  return `${minimum ? "more than " : ""}${formatCount(total)} ${total === 1 ? "device" : "devices"}${filtered ? (total === 1 ? " matches" : " match") : ""}`;
}

function FleetActions() {
  return (
    <>
      <Link className={buttonClass()} to={paths.importDevices()}>
        <Icon name="list" size={18} /> Import
      </Link>
      <Link className={buttonClass()} to={paths.deviceTypes()}>
        <Icon name="certificate" size={18} /> Types
      </Link>
      <Link className={buttonClass()} to={paths.facilities()}>
        <Icon name="building" size={18} /> Facilities
      </Link>
      <AddDeviceLink />
    </>
  );
}

function ClearButton({ onClick }: { onClick: () => void }) {
  return (
    <button type="button" className={buttonClass()} onClick={onClick}>
      Show all devices
    </button>
  );
}

function FirstDevice() {
  return (
    <Panel>
      <Empty
        icon="fleet"
        title="Your fleet is empty"
        action={
          <Link className={buttonClass("primary", "large")} to={paths.addDevice()}>
            <Icon name="plus" /> Add your first device
          </Link>
        }
      >
        Add a device, give it its certificate, and watch its first message arrive. It takes about five minutes.
      </Empty>
    </Panel>
  );
}
