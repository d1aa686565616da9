/** A measurement's sheet: its name, its figure, and a chart. */
import type { ReactNode } from "react";
import type { Summary } from "../../charts/series";
import { formatValue } from "../../format/number";
import { measurementTitle } from "../../format/unit";
import styles from "./Device.module.css";

interface ChartCardProps {
  measurement: string;
  unit: string;
  decimals: number | undefined;
  color: string;
  value: number | undefined;
  summary?: Summary | undefined;
  children: ReactNode;
}

export function ChartCard({ measurement, unit, decimals, color, value, summary, children }: ChartCardProps) {
  return (
    <article className={styles.chart} aria-label={measurementTitle(measurement)}>
      <header className={styles.chartHead}>
        <h3>
          <span className={styles.swatch} style={{ background: `var(${color})` }} aria-hidden="true" />
          {measurementTitle(measurement)}
        </h3>
        <div className={styles.figure}>
          <strong>{formatValue(value, decimals)}</strong>
          {unit && <small> {unit}</small>}
          {summary && (
            <div>
              {formatValue(summary.low, decimals)} to {formatValue(summary.high, decimals)}
            </div>
          )}
        </div>
      </header>
      {children}
    </article>
  );
}

const palette = 8;

/** A measurement's colour: by its place in the device's sorted names, so that it is the same in every view. */
export function colorOf(names: string[], measurement: string): string {
  return `--chart-${(Math.max(0, names.indexOf(measurement)) % palette) + 1}`;
}
