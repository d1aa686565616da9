/** One limit over time: use against the limit, and how often it refused. */
import { useState } from "react";
import { explain } from "../../../api/errors";
import { useLimitHistory, type Limit } from "../../../api/limit";
import { BarChart } from "../../../charts/BarChart";
import { formatCount } from "../../../format/number";
import { day, formatClock, formatDay, formatHour, hour, millis, minute } from "../../../format/time";
import { useNow } from "../../../hooks/useNow";
import { useWidth } from "../../../hooks/useWidth";
import { Segmented } from "../../../ui/Segmented";
import { Empty, ErrorPanel, SkeletonRows } from "../../../ui/States";
import styles from "./Limits.module.css";

type Span = "6h" | "24h" | "7d";
const spans: Record<Span, number> = { "6h": 6 * hour, "24h": day, "7d": 7 * day };

export function LimitHistory({ limit }: { limit: Limit }) {
  const [span, setSpan] = useState<Span>("6h");
  const now = useNow(15_000);
  const end = Math.ceil(now / minute) * minute;
  const { data, error, refetch } = useLimitHistory(limit.name, end - spans[span], end);
  const [ref, width] = useWidth(800);
  const step = Number(data?.spanSeconds ?? 180n) * 1000;
  const known = new Map((data?.uses ?? []).map((u) => [millis(u.start) ?? 0, u]));
  const bins = [];
  for (let start = Math.floor((end - spans[span]) / step) * step; start < end; start += step) {
    bins.push({ start, value: Number(known.get(start)?.used ?? 0n) });
  }
  const refused = (data?.uses ?? []).reduce((sum, u) => sum + u.refused, 0n);
  return (
    <div className={styles.history}>
      <div className={styles.historyHead}>
        <p>
          {refused > 0n ? `Refused ${formatCount(refused)} times in this range.` : "Nothing was refused in this range."} Enforced by the {limit.enforcedBy}.
        </p>
        <Segmented
          label="Range"
          value={span}
          onChange={setSpan}
          choices={[
            { value: "6h", label: "6 h" },
            { value: "24h", label: "24 h" },
            { value: "7d", label: "7 d" },
          ]}
        />
      </div>
      <div ref={ref}>
        {error && <ErrorPanel {...explain(error)} onRetry={refetch} />}
        {!data && !error && <SkeletonRows rows={3} />}
        {data && known.size === 0 && (
          <Empty compact icon="usage" title="Nothing was counted in this range">
            What is used is counted by the minute, from the first use on.
          </Empty>
        )}
        {data && known.size > 0 && (
          <BarChart
            bins={bins}
            width={width}
            unit={limit.unit}
            label={`${limit.title} in use`}
            name={formatHour}
            tick={span === "7d" ? formatDay : formatClock}
            limit={limit.unlimited ? undefined : Number(limit.maximum)}
          />
        )}
      </div>
    </div>
  );
}
