/** The device over a range of the past: a chart for each measurement, zoomed by dragging. */
import type { Measurement } from "../../api/devicetype";
import { useMemo, useState } from "react";
import { explain } from "../../api/errors";
import { Resolution, useHistory, type Range } from "../../api/telemetry";
import { HistoryChart } from "../../charts/HistoryChart";
import { withUnit } from "../../charts/plot";
import { chartData, converted, summarise } from "../../charts/series";
import { formatDateTime } from "../../format/time";
import { measurementTitle, shownIn } from "../../format/unit";
import { useUnits } from "../../hooks/useSession";
import { Button } from "../../ui/Button";
import { Panel } from "../../ui/Panel";
import { Empty, ErrorPanel, Notice } from "../../ui/States";
import { ChartCard, colorOf } from "./ChartCard";
import styles from "./Device.module.css";
import { ChartSkeletons } from "./LivePanel";
import { historyLimit, properRange } from "./ranges";

const shownFirst = 12;

interface HistoryPanelProps {
  deviceId: string;
  range: Range;
  schema: Record<string, Measurement>;
  onZoom: (range: Range) => void;
}

const widths: Partial<Record<Resolution, string>> = {
  [Resolution.SECOND]: "a second",
  [Resolution.MINUTE]: "a minute",
  [Resolution.FIVE_MINUTES]: "five minutes",
  [Resolution.QUARTER_HOUR]: "a quarter of an hour",
  [Resolution.HOUR]: "an hour",
  [Resolution.DAY]: "a day",
};
const widthOf = (resolution: Resolution) => widths[resolution] ?? "equal width";

export function HistoryPanel({ deviceId, range, schema, onZoom }: HistoryPanelProps) {
  const [all, setAll] = useState(false);
  const units = useUnits();
  const { data, error, refetch, isPlaceholderData } = useHistory(deviceId, range, historyLimit);
  const charts = useMemo(
    () =>
      (data?.series ?? [])
        .map((series) => ({ name: series.measurement, data: converted(chartData(series), shownIn(series.measurement, units, schema[series.measurement]?.unit).show) }))
        .sort((a, b) => a.name.localeCompare(b.name)),
    [data, units, schema],
  );
  if (error) return <ErrorPanel {...explain(error)} onRetry={refetch} />;
  if (!data) return <ChartSkeletons />;
  if (charts.every((c) => c.data.times.length === 0)) {
    return (
      <Panel>
        <Empty icon="search" title="Nothing in this range">
          The device sent nothing between {formatDateTime(range.start)} and {formatDateTime(range.end)}.
        </Empty>
      </Panel>
    );
  }
  const names = charts.map((c) => c.name);
  const shown = all ? charts : charts.slice(0, shownFirst);
  return (
    <>
      {data.truncated && <Notice>There is more in this range than can be shown at once. These are its newest events; drag over a chart to look closer.</Notice>}
      <div className={styles.charts} style={{ opacity: isPlaceholderData ? 0.55 : 1 }} aria-busy={isPlaceholderData}>
        {shown.map(({ name, data: points }) => {
          const { unit } = shownIn(name, units, schema[name]?.unit);
          const summary = summarise(points);
          const words = summary
            ? `${measurementTitle(name)} from ${formatDateTime(range.start)} to ${formatDateTime(range.end)}: mean ${withUnit(summary.mean, unit)}, lowest ${withUnit(summary.low, unit)}, highest ${withUnit(summary.high, unit)}.`
            : `${measurementTitle(name)}: nothing in this range.`;
          return (
            <ChartCard key={name} measurement={name} unit={unit} decimals={schema[name]?.precision} color={colorOf(names, name)} value={summary?.mean} summary={summary}>
              <HistoryChart data={points} range={range} color={colorOf(names, name)} unit={unit} summary={words} height={168} onZoom={(a, b) => onZoom(properRange(a, b))} />
            </ChartCard>
          );
        })}
      </div>
      <p style={{ color: "var(--text-muted)", fontSize: "var(--text-xs)" }}>
        {data.resolution === Resolution.RAW ? "Every event as sent." : `Windows of ${widthOf(data.resolution)}: the line is the mean, the band reaches from the lowest to the highest value.`} Figures show the mean. Drag over a chart to zoom in.
      </p>
      {charts.length > shown.length && <Button onClick={() => setAll(true)}>Show all {charts.length} measurements</Button>}
    </>
  );
}
