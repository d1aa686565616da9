/** A short history as a small line, without axes: shape only. What it means stands in words beside it. */
interface SparklineProps {
  values: number[];
  width?: number;
  height?: number;
  label: string;
}

export function Sparkline({ values, width = 120, height = 32, label }: SparklineProps) {
  if (values.length < 2) {
    return (
      <svg width={width} height={height} viewBox={`0 0 ${width} ${height}`} role="img" aria-label={`${label}: no history`} style={{ display: "block" }}>
        <path d={`M3 ${height / 2}H${width - 3}`} stroke="var(--line-strong)" strokeDasharray="2 5" />
      </svg>
    );
  }
  const { line, area, end } = sparkPath(values, width, height);
  return (
    <svg width={width} height={height} viewBox={`0 0 ${width} ${height}`} role="img" aria-label={label} style={{ display: "block", color: "var(--chart-1)" }}>
      <path d={area} fill="currentColor" opacity="0.1" />
      <path d={line} fill="none" stroke="currentColor" strokeWidth="1.5" strokeLinejoin="round" strokeLinecap="round" />
      <circle cx={end[0]} cy={end[1]} r="2.2" fill="currentColor" />
    </svg>
  );
}

/** The line, the area under it, and where it ends. A constant runs through the middle. */
export function sparkPath(values: number[], width: number, height: number) {
  const pad = 3;
  const low = Math.min(...values);
  const high = Math.max(...values);
  const x = (i: number) => pad + (i / (values.length - 1)) * (width - 2 * pad);
  const y = (v: number) => (high === low ? height / 2 : height - pad - ((v - low) / (high - low)) * (height - 2 * pad));
  const points = values.map((v, i) => `${x(i).toFixed(1)} ${y(v).toFixed(1)}`);
  const last = values.length - 1;
  return {
    line: `M${points.join("L")}`,
    area: `M${x(0).toFixed(1)} ${height}L${points.join("L")}L${x(last).toFixed(1)} ${height}Z`,
    end: [x(last), y(values[last] ?? 0)] as const,
  };
}
