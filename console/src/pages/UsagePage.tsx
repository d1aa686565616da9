/** Usage: how much was stored today, against the plan, and when. */
import { useState } from "react";
import { Link } from "react-router";
import { explain } from "../api/errors";
import { useUsage, type Hour, type Meter } from "../api/usage";
import { BarChart } from "../charts/BarChart";
import { byDay, byHour } from "../charts/bins";
import { formatQuantity, meterName } from "../format/meter";
import { formatBytes, formatCompact, formatCount, formatPercent } from "../format/number";
import { day, formatClock, formatHour, hour } from "../format/time";
import { useNow } from "../hooks/useNow";
import { useTitle } from "../hooks/useTitle";
import { useSession } from "../hooks/useSession";
import { useWidth } from "../hooks/useWidth";
import { paths } from "../paths";
import { buttonClass } from "../ui/Button";
import { Page } from "../ui/Page";
import { Panel } from "../ui/Panel";
import { Segmented } from "../ui/Segmented";
import { Empty, ErrorPanel, SkeletonRows } from "../ui/States";
import table from "../ui/Table.module.css";
import styles from "./UsagePage.module.css";

type Span = "24h" | "7d" | "30d";

const spans: Record<Span, number> = { "24h": day, "7d": 7 * day, "30d": 30 * day };
const dayName = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric", month: "short", timeZone: "UTC" });
const dayTick = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });

export default function UsagePage() {
  const now = useNow(60_000);
  const [span, setSpan] = useState<Span>("24h");
  // Whole hours, so that the question stays the same for an hour.
  const end = Math.ceil(now / hour) * hour;
  const { data, error, refetch } = useUsage(end - spans[span], end);
  const [ref, width] = useWidth(900);
  useTitle("Usage");
  const { actions } = useSession();

  const hours = data?.hours ?? [];
  const daily = span !== "24h";
  const bins = daily ? byDay(hours) : byHour(hours);
  const total = hours.reduce((sum, h) => sum + h.events, 0n);
  return (
    <Page
      title="Usage"
      note={data?.plan ? `Plan: ${data.plan}. Days are UTC days.` : "What was stored, and what it counts for"}
      actions={
        actions.has("invoices.read") && (
          <Link to={paths.bill()} className={buttonClass()}>
            What it costs
          </Link>
        )
      }
    >
      {error && <ErrorPanel {...explain(error)} onRetry={refetch} />}
      {!data && !error && (
        <Panel>
          <SkeletonRows rows={5} />
        </Panel>
      )}
      {data && (
        <>
          <Today today={data.today} quota={Number(data.eventsPerDay)} now={now} />
          <Tiles today={data.today} />
          <Panel
            title={daily ? "Events by day" : "Events by hour"}
            note={`${formatCount(total)} in total`}
            actions={
              <Segmented
                label="Range"
                value={span}
                onChange={setSpan}
                choices={[
                  { value: "24h", label: "24 h" },
                  { value: "7d", label: "7 d" },
                  { value: "30d", label: "30 d" },
                ]}
              />
            }
          >
            <div ref={ref}>
              {total === 0n ? (
                <Empty compact icon="usage" title="Nothing stored in this range">
                  Events count from the moment they are stored, once each, however often a device sends them.
                </Empty>
              ) : (
                <BarChart
                  bins={bins}
                  width={width}
                  label={daily ? "Events stored by day" : "Events stored by hour"}
                  name={(t) => (daily ? dayName.format(t) : formatHour(t))}
                  tick={(t) => (daily ? dayTick.format(t) : formatClock(t))}
                  limit={daily ? Number(data.eventsPerDay) : undefined}
                />
              )}
            </div>
          </Panel>
          <Meters meters={data.meters} today={data.today} />
        </>
      )}
    </Page>
  );
}

/** Everything that is counted, with what it is and today's value. */
function Meters({ meters, today }: { meters: Meter[]; today: Hour | undefined }) {
  return (
    <Panel title="Today by meter" note="What is counted, and how">
      <table className={table.table}>
        <thead>
          <tr>
            <th scope="col">Meter</th>
            <th scope="col" className={table.number}>
              Today
            </th>
            <th scope="col">What it counts</th>
            <th scope="col">Where</th>
          </tr>
        </thead>
        <tbody>
          {meters.map((m) => (
            <tr key={m.name}>
              <td data-lead>{meterName(m.name)}</td>
              <td className={table.number}>{formatQuantity(today?.meters[m.name] ?? 0n, m.name)}</td>
              <td>{m.what}</td>
              <td>{m.where}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Panel>
  );
}

function Today({ today, quota, now }: { today: Hour | undefined; quota: number; now: number }) {
  const events = Number(today?.events ?? 0n);
  const used = quota > 0 ? events / quota : 0;
  const passed = (now % day) / day;
  const expected = passed > 0.02 ? Math.round(events / passed) : undefined;
  const level = used >= 1 ? "over" : used >= 0.8 ? "near" : "fine";
  return (
    <Panel>
      <div className={styles.today}>
        <div>
          <p className={styles.label}>Events today</p>
          <p className={styles.big}>{formatCount(events)}</p>
          <p className={styles.label}>{expected !== undefined && events > 0 ? `At this pace about ${formatCompact(expected)} by midnight UTC` : "Stored since midnight UTC, each counted once"}</p>
        </div>
        {quota > 0 && (
          <div className={styles.quota}>
            <div className={styles.quotaHead}>
              <strong>{formatPercent(used)} of the day's quota</strong>
              <span>{formatCompact(quota)} events</span>
            </div>
            <div className={styles.meter} data-level={level} role="progressbar" aria-label="Share of the day's quota" aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.min(100, Math.round(used * 100))}>
              <span style={{ width: `${Math.min(100, used * 100)}%` }} />
            </div>
            <p className={styles.label}>{level === "over" ? "The plan's daily events are used up." : `${formatCompact(Math.max(0, quota - events))} left until midnight UTC`}</p>
          </div>
        )}
      </div>
    </Panel>
  );
}

function Tiles({ today }: { today: Hour | undefined }) {
  const tiles = [
    { name: "Points", value: formatCompact(today?.points ?? 0n), note: "measurements stored today" },
    { name: "Duplicates", value: formatCompact(today?.duplicates ?? 0n), note: "sent again, not counted" },
    { name: "Dead letters", value: formatCompact(today?.deadLetters ?? 0n), note: "could not be understood" },
    { name: "Volume", value: formatBytes(today?.bytes ?? 0n), note: "of stored messages today" },
  ];
  return (
    <dl className={styles.tiles}>
      {tiles.map((tile) => (
        <div key={tile.name} className={styles.tile}>
          <dt>{tile.name}</dt>
          <dd>{tile.value}</dd>
          <dd className={styles.note}>{tile.note}</dd>
        </div>
      ))}
    </dl>
  );
}
