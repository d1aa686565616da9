/** One measurement over a fixed range. Dragging over it zooms in. */
import { useEffect } from "react";
import type { Range } from "../api/telemetry";
import styles from "./Chart.module.css";
import { aligned } from "./plot";
import type { ChartData } from "./series";
import { usePlot } from "./usePlot";

interface HistoryChartProps {
  data: ChartData;
  range: Range;
  color: string;
  unit: string;
  summary: string;
  height: number;
  onZoom: (start: number, end: number) => void;
}

export function HistoryChart({ data, range, color, unit, summary, height, onZoom }: HistoryChartProps) {
  const settings = { color, unit, height, sync: "history", filled: data.low === undefined, zoomable: true };
  const [element, plot] = usePlot(settings, () => [range.start, range.end], onZoom);
  useEffect(() => {
    plot?.setData(aligned(data), false);
    plot?.setScale("x", { min: range.start, max: range.end });
  }, [plot, data, range.start, range.end]);
  return (
    <figure className={styles.figure}>
      <div className={styles.canvas} style={{ height }} ref={element} aria-hidden="true">
        {data.times.length === 0 && <div className={styles.empty}>Nothing was sent in this range.</div>}
      </div>
      <figcaption className="visually-hidden">{summary}</figcaption>
    </figure>
  );
}
