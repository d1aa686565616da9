/** From an answered series to what a chart draws: thinned without losing extremes, with gaps where the device was silent. Pure. */
import type { Series } from "../api/telemetry";
import { millis } from "../format/time";

export interface ChartData {
  times: number[];
  mid: Array<number | null>;
  /** Lowest and highest around each instant; absent when the values are as sent. */
  low?: Array<number | null>;
  high?: Array<number | null>;
}

export interface Summary {
  last: number;
  low: number;
  high: number;
  mean: number;
}

/** More than any chart is wide. */
const mostPoints = 1200;
/** A pause this many times longer than usual is a gap. */
const gapFactor = 4;

/** The same in other units. */
export function converted(data: ChartData, show: (value: number) => number): ChartData {
  const each = (values: Array<number | null>) => values.map((v) => (v === null ? null : show(v)));
  return { ...data, mid: each(data.mid), ...(data.low && { low: each(data.low) }), ...(data.high && { high: each(data.high) }) };
}

export function chartData(series: Series): ChartData {
  const plain = series.windows.length > 0 ? fromWindows(series) : fromPoints(series);
  const thinned = thin(plain, mostPoints);
  return withGaps(thinned, gapFactor * usualStep(thinned.times));
}

function fromPoints(series: Series): ChartData {
  return { times: series.points.map((p) => millis(p.time) ?? 0), mid: series.points.map((p) => p.value) };
}

function fromWindows({ windows }: Series): ChartData {
  const times = windows.map((w) => millis(w.start) ?? 0);
  const half = usualStep(times) / 2;
  return { times: times.map((t) => t + half), mid: windows.map((w) => w.mean), low: windows.map((w) => w.min), high: windows.map((w) => w.max) };
}

/** The median distance between neighbours; 0 when there are fewer than two. */
export function usualStep(times: number[]): number {
  if (times.length < 2) return 0;
  const steps = times.slice(1).map((t, i) => t - times[i]!);
  steps.sort((a, b) => a - b);
  return steps[Math.floor(steps.length / 2)]!;
}

/** At most so many points: neighbours become one with their mean, and their extremes as the band. */
export function thin(data: ChartData, most: number): ChartData {
  const n = data.times.length;
  if (n <= most) return data;
  const per = Math.ceil(n / most);
  const out: Required<ChartData> = { times: [], mid: [], low: [], high: [] };
  for (let from = 0; from < n; from += per) {
    const to = Math.min(n, from + per);
    let sum = 0;
    let count = 0;
    let low = Infinity;
    let high = -Infinity;
    for (let i = from; i < to; i++) {
      const mid = data.mid[i];
      if (mid === null || mid === undefined) continue;
      sum += mid;
      count++;
      low = Math.min(low, data.low?.[i] ?? mid);
      high = Math.max(high, data.high?.[i] ?? mid);
    }
    out.times.push((data.times[from]! + data.times[to - 1]!) / 2);
    out.mid.push(count ? sum / count : null);
    out.low.push(count ? low : null);
    out.high.push(count ? high : null);
  }
  return out;
}

/** Breaks the line where neighbours are further apart than that. Zero or less breaks nothing. */
export function withGaps(data: ChartData, longest: number): ChartData {
  if (longest <= 0) return data;
  const out: ChartData = { times: [], mid: [] };
  if (data.low && data.high) {
    out.low = [];
    out.high = [];
  }
  for (let i = 0; i < data.times.length; i++) {
    const t = data.times[i]!;
    const before = data.times[i - 1];
    if (before !== undefined && t - before > longest) push(out, before + 1, null, null, null);
    push(out, t, data.mid[i] ?? null, data.low?.[i] ?? null, data.high?.[i] ?? null);
  }
  return out;
}

function push(out: ChartData, time: number, mid: number | null, low: number | null, high: number | null) {
  out.times.push(time);
  out.mid.push(mid);
  out.low?.push(low);
  out.high?.push(high);
}

/** The figures that a chart says in words; undefined when it has none. */
export function summarise(data: ChartData): Summary | undefined {
  let last: number | undefined;
  let low = Infinity;
  let high = -Infinity;
  let sum = 0;
  let count = 0;
  for (let i = 0; i < data.mid.length; i++) {
    const mid = data.mid[i];
    if (mid === null || mid === undefined) continue;
    last = mid;
    low = Math.min(low, data.low?.[i] ?? mid);
    high = Math.max(high, data.high?.[i] ?? mid);
    sum += mid;
    count++;
  }
  return last === undefined ? undefined : { last, low, high, mean: sum / count };
}
