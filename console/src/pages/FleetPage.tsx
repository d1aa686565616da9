/** The fleet: devices as the server finds them, whether they live, and what they said last. */
import { useDeferredValue, useMemo, useState } from "react";
import { Link, useSearchParams } from "react-router";
import { listInput, useDevicePage, type DeviceFilter } from "../api/device";
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
import { Empty, ErrorPanel, Notice, SkeletonRows } from "../ui/States";
import { AddDeviceLink } from "./fleet/AddDeviceLink";
import { BulkBar } from "./fleet/BulkBar";
import { everything, filterOf, narrows, paramsOf } from "./fleet/filter";
import { FleetCards } from "./fleet/FleetCards";
import { FleetTable } from "./fleet/FleetTable";
import { FleetTools } from "./fleet/FleetTools";
import { Pager } from "./fleet/Pager";
import { buildRows } from "./fleet/rows";
import { useHeardFor } from "./fleet/useHeardFor";

export default function FleetPage() {
  const { tenant } = useSession();
  const [params, setParams] = useSearchParams();
  const filter = useMemo(() => filterOf(params), [params]);
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  /** The tokens of the pages gone through, the page in sight last; the first page has none. */
  const [tokens, setTokens] = useState([""]);
  const asked = useDeferredValue(filter);
  const heard = useHeardFor(asked.show);
  const input = useMemo(() => (heard.known ? listInput(asked, heard) : undefined), [asked, heard]);
  const devices = useDevicePage(input, tokens.at(-1) ?? "");
  const live = useLiveState((s) => s.live.devices);
  const now = useNow(1000);
  const small = useMedia(phone);
  useTitle("Fleet");

  // Nobody that the cell heard: nothing to ask the registry for.
  const empty = heard.known && input === undefined;
  const answer = empty ? { devices: [], total: 0, totalIsMinimum: false, nextPageToken: "" } : devices.data;
  const list = answer?.devices;
  const ids = useMemo(() => (list ?? []).map((d) => d.deviceId), [list]);
  const latest = useLatest(ids, 10_000, ids.length > 0);
  const rows = useMemo(() => buildRows(list ?? [], latest.data?.devices ?? [], live, now), [list, latest.data, live, now]);
  useFleetWatch(ids);

  const filtered = narrows(asked);
  const none = answer?.total === 0 && !filtered;
  const change = (next: Partial<DeviceFilter>) => {
    setParams(paramsOf({ ...filter, ...next }), { replace: true });
    setTokens([""]);
  };
  const toggle = (some: string[], on: boolean) => {
    const next = new Set(selected);
    for (const id of some) {
      if (on) next.add(id);
      else next.delete(id);
    }
    setSelected(next);
  };
  const pager = (
    <Pager page={tokens.length - 1} more={!!answer?.nextPageToken} onBack={() => setTokens(tokens.slice(0, -1))} onNext={() => setTokens([...tokens, answer?.nextPageToken ?? ""])} />
  );

  return (
    <Page title="Fleet" note={answer && !none ? counted(answer.total, answer.totalIsMinimum, filtered) : tenant.name} actions={!none && <FleetActions />}>
      {devices.error && <ErrorPanel {...explain(devices.error)} onRetry={devices.refetch} />}
      {latest.error && !devices.error && <ErrorPanel title="No live values" detail={`The cell did not answer: ${explain(latest.error).detail}`} onRetry={latest.refetch} />}
      {none && <FirstDevice />}
      {heard.error && <ErrorPanel title="Nobody knows who is live" detail={`The cell did not answer: ${explain(heard.error).detail}`} onRetry={heard.retry} />}
      {!none && <FleetTools filter={filter} onChange={change} />}
      {heard.more && (
        <Notice tone="brass" icon="warning">
          More than 10,000 devices were heard, and this filter looks at the first 10,000 by id: devices beyond them may be in the wrong place here.
        </Notice>
      )}
      {selected.size > 0 && answer && <BulkBar selected={selected} total={answer.total} minimum={answer.totalIsMinimum} input={input} onSelect={(all) => setSelected(new Set(all))} />}
      {!none && !devices.error && !heard.error && !answer && (
        <Panel flush>
          <SkeletonRows rows={8} />
        </Panel>
      )}
      {!none && answer && rows.length === 0 && (
        <Panel>
          <Empty icon="search" title="No device matches" action={<ClearButton onClick={() => change({ ...everything, order: filter.order, descending: filter.descending })} />}>
            Nothing in this fleet fits what you are looking for.
          </Empty>
        </Panel>
      )}
      {rows.length > 0 &&
        (small ? (
          <>
            <FleetCards rows={rows} now={now} selected={selected} onToggle={toggle} />
            {pager}
          </>
        ) : (
          <Panel flush>
            <FleetTable
              rows={rows}
              now={now}
              order={filter.order}
              descending={filter.descending}
              onOrder={(order, descending) => change({ order, descending })}
              selected={selected}
              onToggle={toggle}
            />
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
