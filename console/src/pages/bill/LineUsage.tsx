/** What a line of usage was made of: its days, and the hours of the day that is open. */
import { Fragment, useState } from "react";
import { Link } from "react-router";
import { explain } from "../../api/errors";
import { useLineUsage, type DayUsage, type Line } from "../../api/invoice";
import { BarChart } from "../../charts/BarChart";
import { formatQuantity, meterName, meterUnit, readable } from "../../format/meter";
import { day, hour, millis } from "../../format/time";
import { useSession } from "../../hooks/useSession";
import { useWidth } from "../../hooks/useWidth";
import { paths } from "../../paths";
import { IconButton } from "../../ui/Button";
import { Panel } from "../../ui/Panel";
import { Empty, ErrorPanel, SkeletonRows } from "../../ui/States";
import table from "../../ui/Table.module.css";
import { dayName, weekdayName } from "./span";
import styles from "./Bill.module.css";

const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: "UTC" });

export function LineUsage({ invoice, line, onClose }: { invoice: string; line: Line; onClose: () => void }) {
  const { data, error, refetch } = useLineUsage(invoice, line.position);
  const [open, setOpen] = useState<number>();
  const [ref, width] = useWidth(900);
  const { actions } = useSession();
  return (
    <Panel title={`${meterName(line.meter)}, day by day`} note={`In ${meterUnit(line.meter)}, as frozen with the invoice`} actions={<IconButton label="Close" icon="close" onClick={onClose} />}>
      <div ref={ref}>
        {error && <ErrorPanel {...explain(error)} onRetry={refetch} />}
        {!data && !error && <SkeletonRows rows={4} />}
        {data?.days.length === 0 && <Empty compact icon="usage" title="Nothing was used" />}
        {data && data.days.length > 0 && (
          <>
            <BarChart bins={binsOf(data.days, line)} width={width} label={`${meterName(line.meter)} by day`} name={weekdayName} tick={dayName} unit={meterUnit(line.meter)} />
            <table className={table.table}>
              <thead>
                <tr>
                  <th scope="col">Day, UTC</th>
                  <th scope="col" className={table.number}>
                    Quantity
                  </th>
                </tr>
              </thead>
              <tbody>
                {data.days.map((d) => {
                  const start = millis(d.start) ?? 0;
                  return (
                    <Fragment key={start}>
                      <tr>
                        <td data-lead>
                          <button type="button" className={styles.line} aria-expanded={open === start} onClick={() => setOpen(open === start ? undefined : start)}>
                            {weekdayName(start)}
                          </button>
                        </td>
                        <td data-label="Quantity" className={table.number}>
                          {formatQuantity(d.quantity, line.meter)}
                        </td>
                      </tr>
                      {open === start &&
                        d.hours.map((h) => (
                          <tr key={Number(h.start?.seconds)} className={styles.hour}>
                            <td data-lead>{clock.format(millis(h.start) ?? 0)}</td>
                            <td data-label="Quantity" className={table.number}>
                              {formatQuantity(h.quantity, line.meter)}
                            </td>
                          </tr>
                        ))}
                    </Fragment>
                  );
                })}
              </tbody>
            </table>
            <p className={styles.snapshot}>
              Snapshot <code>{line.snapshotId}</code>
            </p>
            {actions.has("telemetry.read") && (
              <p className={styles.quiet}>
                The events themselves are with <Link to={paths.fleet()}>the devices that sent them</Link>.
              </p>
            )}
          </>
        )}
      </div>
    </Panel>
  );
}

/** Every day of the line, so that those without usage are seen as such. */
function binsOf(days: DayUsage[], line: Line) {
  const known = new Map(days.map((d) => [millis(d.start) ?? 0, d.quantity]));
  const start = Math.floor((millis(line.start) ?? 0) / day) * day;
  const end = Math.max(millis(line.end) ?? 0, start + hour);
  const bins = [];
  for (let at = start; at < end; at += day) bins.push({ start: at, value: readable(known.get(at) ?? 0n, line.meter) });
  return bins;
}
