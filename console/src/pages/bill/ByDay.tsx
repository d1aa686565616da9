/** What was counted of one billed meter, day by day of the month. */
import { useState } from "react";
import { explain } from "../../api/errors";
import { LineKind, type Bill } from "../../api/invoice";
import { useUsage, type Hour } from "../../api/usage";
import { BarChart } from "../../charts/BarChart";
import type { Bin } from "../../charts/bins";
import { meterName, meterUnit, readable } from "../../format/meter";
import { day, hour, millis } from "../../format/time";
import { useNow } from "../../hooks/useNow";
import { useWidth } from "../../hooks/useWidth";
import { BareSelect } from "../../ui/Field";
import { Panel } from "../../ui/Panel";
import { Empty, ErrorPanel, SkeletonRows } from "../../ui/States";
import { dayName, weekdayName } from "./span";

export function ByDay({ bill }: { bill: Bill }) {
  const meters = [...new Set(bill.lines.filter((l) => l.kind === LineKind.USAGE).map((l) => l.meter))];
  const [chosen, setChosen] = useState("");
  const meter = chosen || meters[0] || "events";
  const start = millis(bill.start) ?? 0;
  const now = useNow(60_000);
  const end = Math.max(start + hour, Math.min(millis(bill.end) ?? 0, Math.ceil(now / hour) * hour));
  const { data, error, refetch } = useUsage(start, end, 60_000);
  const [ref, width] = useWidth(900);
  const bins = data ? daysOf(data.hours, meter, start, end) : [];
  return (
    <Panel
      title="By day"
      note={meterName(meter).toLowerCase() === meterUnit(meter) ? meterName(meter) : `${meterName(meter)}, in ${meterUnit(meter)}`}
      actions={
        meters.length > 1 && (
          <BareSelect label="Meter" value={meter} onChange={(e) => setChosen(e.target.value)}>
            {meters.map((m) => (
              <option key={m} value={m}>
                {meterName(m)}
              </option>
            ))}
          </BareSelect>
        )
      }
    >
      <div ref={ref}>
        {error && <ErrorPanel {...explain(error)} onRetry={refetch} />}
        {!data && !error && <SkeletonRows rows={4} />}
        {data &&
          (bins.every((b) => b.value === 0) ? (
            <Empty compact icon="usage" title="Nothing was counted this month">
              Usage shows here within a minute of being stored.
            </Empty>
          ) : (
            <BarChart bins={bins} width={width} label={`${meterName(meter)} by day`} name={weekdayName} tick={dayName} unit={meterUnit(meter)} />
          ))}
      </div>
    </Panel>
  );
}

/** Every day from start to end, with what was counted on it. For a chart only: money is never made of these. */
function daysOf(hours: Hour[], meter: string, start: number, end: number): Bin[] {
  const sums = new Map<number, bigint>();
  for (let at = start; at < end; at += day) sums.set(at, 0n);
  for (const h of hours) {
    const at = Math.floor((millis(h.start) ?? 0) / day) * day;
    sums.set(at, (sums.get(at) ?? 0n) + (h.meters[meter] ?? 0n));
  }
  return [...sums].map(([at, sum]) => ({ start: at, value: readable(sum, meter) }));
}
