/** Bars over time. Each can be reached by keyboard and says its own figure. */
import { useState } from "react";
import { formatCompact, formatCount } from "../format/number";
import { axisTicks, type Bin } from "./bins";
import styles from "./Chart.module.css";

interface BarChartProps {
  bins: Bin[];
  label: string;
  name: (start: number) => string;
  /** A short name for the axis. */
  tick: (start: number) => string;
  width: number;
  /** A line across, such as a quota. */
  limit?: number | undefined;
  /** What is counted. */
  unit?: string;
}

const height = 240;
const left = 52;
const bottom = 24;
const top = 12;

export function BarChart({ bins, label, name, tick, width, limit, unit = "events" }: BarChartProps) {
  const [at, setAt] = useState<number>();
  const ticks = axisTicks(Math.max(...bins.map((b) => b.value), 0));
  const highest = ticks[ticks.length - 1] ?? 1;
  const step = (width - left) / Math.max(1, bins.length);
  const y = (v: number) => top + (1 - v / highest) * (height - top - bottom);
  const every = Math.max(1, Math.ceil((bins.length * 64) / Math.max(1, width - left)));
  const bar = Math.max(1, step - Math.min(6, step * 0.25));
  const shown = at === undefined ? undefined : bins[at];
  return (
    <div className={styles.barWrap} onPointerLeave={() => setAt(undefined)}>
      <svg className={styles.bars} viewBox={`0 0 ${width} ${height}`} height={height} role="group" aria-label={label}>
        {ticks.map((v) => (
          <g key={v}>
            <line x1={left} x2={width} y1={y(v)} y2={y(v)} />
            <text x={left - 8} y={y(v) + 4} textAnchor="end">
              {formatCompact(v)}
            </text>
          </g>
        ))}
        {limit !== undefined && limit <= highest && <line x1={left} x2={width} y1={y(limit)} y2={y(limit)} style={{ stroke: "var(--brass-bright)", strokeDasharray: "4 4" }} />}
        {bins.map((bin, i) => (
          <g key={bin.start}>
            <rect x={left + i * step + (step - bar) / 2} width={bar} y={y(bin.value)} height={Math.max(0, y(0) - y(bin.value))} rx={Math.min(3, bar / 4)} data-now={i === bins.length - 1 || undefined} data-over={(limit !== undefined && bin.value > limit) || undefined} />
            {i % every === 0 && (
              <text x={left + (i + 0.5) * step} y={height - 6} textAnchor="middle">
                {tick(bin.start)}
              </text>
            )}
            <rect className={styles.hit} x={left + i * step} width={step} y={top} height={height - top - bottom} role="img" aria-label={`${name(bin.start)}: ${formatCount(bin.value)} ${unit}`} onPointerEnter={() => setAt(i)} />
          </g>
        ))}
      </svg>
      {shown && at !== undefined && (
        <div className={styles.barTip} style={at > bins.length / 2 ? { right: width - left - at * step + 8 } : { left: left + (at + 1) * step + 8 }}>
          <span>{name(shown.start)}</span>
          <strong>{formatCount(shown.value)} {unit}</strong>
        </div>
      )}
    </div>
  );
}
