/** The fleet: every device, whether it lives, and what it said last. */
import { useMemo, useState } from "react";
import { Link } from "react-router";
import { useDevices } from "../api/device";
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
import { buildRows, countStates, filterRows, sortRows, type Filter, type SortBy } from "./fleet/rows";

const everything: Filter = { text: "", facility: "", state: "all" };
const perPage = 50;

export default function FleetPage() {
  const { tenant } = useSession();
  const devices = useDevices();
  const latest = useLatest([], 10_000);
  const live = useLiveState((s) => s.live.devices);
  const now = useNow(1000);
  const small = useMedia(phone);
  const [filter, setFilter] = useState(everything);
  const [sort, setSort] = useState<{ by: SortBy; down: boolean }>({ by: "id", down: false });
  const [page, setPage] = useState(0);
  useTitle("Fleet");

  const rows = useMemo(() => buildRows(devices.data?.devices ?? [], latest.data?.devices ?? [], live, now), [devices.data, latest.data, live, now]);
  const found = sortRows(filterRows(rows, filter), sort.by, sort.down);
  const pages = Math.max(1, Math.ceil(found.length / perPage));
  const shown = found.slice(Math.min(page, pages - 1) * perPage).slice(0, perPage);
  useFleetWatch(shown.map((row) => row.id).sort());

  const counts = countStates(rows);
  const none = devices.data && devices.data.total === 0;
  const change = (next: Partial<Filter>) => {
    setFilter({ ...filter, ...next });
    setPage(0);
  };

  return (
    <Page title="Fleet" note={devices.data && !none ? `${formatCount(devices.data.total)} ${devices.data.total === 1 ? "device" : "devices"}, ${counts.live} live` : tenant.name} actions={!none && <FleetActions />}>
      {devices.error && <ErrorPanel {...explain(devices.error)} onRetry={devices.refetch} />}
      {latest.error && !devices.error && <ErrorPanel title="No live values" detail={`The cell did not answer: ${explain(latest.error).detail}`} onRetry={latest.refetch} />}
      {none && <FirstDevice />}
      {!none && !devices.error && (
        <>
          <FleetTools rows={rows} counts={counts} filter={filter} onChange={change} />
          {!devices.data ? (
            <Panel flush>
              <SkeletonRows rows={8} />
            </Panel>
          ) : found.length === 0 ? (
            <Panel>
              <Empty icon="search" title="No device matches" action={<ClearButton onClick={() => change(everything)} />}>
                Nothing in this fleet fits what you are looking for.
              </Empty>
            </Panel>
          ) : small ? (
            <>
              <FleetCards rows={shown} now={now} />
              <Pager page={page} pages={pages} onPage={setPage} />
            </>
          ) : (
            <Panel flush>
              <FleetTable rows={shown} now={now} sort={sort} onSort={(by) => setSort({ by, down: sort.by === by && !sort.down })} />
              <Pager page={page} pages={pages} onPage={setPage} />
            </Panel>
          )}
        </>
      )}
    </Page>
  );
}

function FleetActions() {
  return (
    <>
      <Link className={buttonClass()} to={paths.importDevices()}>
        <Icon name="list" size={18} /> Import
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
