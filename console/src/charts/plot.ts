/** The one place that knows uPlot: a time chart of one measurement, with a band, a crosshair and drag to zoom. */
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { formatValue } from "../format/number";
import { formatClock, formatDay, formatTime } from "../format/time";
import { currentZone } from "../format/zone";
import type { ChartData } from "./series";
import { tooltip } from "./tooltip";

export interface PlotOptions {
  width: number;
  height: number;
  color: string;
  unit: string;
  /** Charts with the same name share their crosshair. */
  sync: string;
  range: () => [number, number];
  onZoom: ((start: number, end: number) => void) | undefined;
  /** Filled when values arrive without a band, as a live line is. */
  filled: boolean;
}

export type Plot = uPlot;

/** Below this many, each event is marked; a lone one could not be seen otherwise. */
const fewPoints = 60;

export function createPlot(target: HTMLElement, options: PlotOptions, data: ChartData): Plot {
  const color = cssColor(options.color);
  const line = cssColor("--chart-grid");
  const text = cssColor("--text-faint");
  const axis: uPlot.Axis = {
    stroke: text,
    font: "11px 'Plex Sans', system-ui, sans-serif",
    grid: { stroke: line, width: 1 },
    ticks: { show: false },
  };
  const none = () => null;
  return new uPlot(
    {
      width: options.width,
      height: options.height,
      ms: 1,
      tzDate: (at) => uPlot.tzDate(new Date(at), currentZone()),
      legend: { show: false },
      padding: [8, 8, 0, 0],
      cursor: {
        sync: { key: options.sync },
        drag: { x: options.onZoom !== undefined, y: false, setScale: false },
        points: { size: 7, fill: color, stroke: cssColor("--surface"), width: 2 },
        focus: { prox: -1 },
      },
      scales: { x: { time: true, range: () => options.range() }, y: { range: (_, low, high) => spread(low, high) } },
      axes: [
        { ...axis, space: 52, gap: 6, size: 28, values: timeLabels },
        { ...axis, size: 50, gap: 6, space: 34, values: (_, ticks) => ticks.map(tickLabel) },
      ],
      series: [
        {},
        { stroke: color, width: 1.75, spanGaps: false, points: { size: 6, fill: color, show: (plot) => plot.data[0].length < fewPoints }, fill: options.filled ? `color-mix(in srgb, ${color} 9%, transparent)` : undefined },
        { stroke: "transparent", width: 0, points: { show: false }, paths: undefined },
        { stroke: "transparent", width: 0, points: { show: false }, paths: undefined },
      ],
      bands: [{ series: [3, 2], fill: `color-mix(in srgb, ${color} 18%, transparent)` }],
      hooks: {
        setSelect: [
          (plot) => {
            if (!options.onZoom || plot.select.width < 6) return;
            options.onZoom(plot.posToVal(plot.select.left, "x"), plot.posToVal(plot.select.left + plot.select.width, "x"));
            plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          },
        ],
      },
      plugins: [tooltip(options.unit)],
    },
    aligned(data, none),
    target,
  );
}

/** The columns in uPlot's order: time, middle, low, high. */
export function aligned(data: ChartData, none: () => null = () => null): uPlot.AlignedData {
  return [data.times, data.mid, data.low ?? data.times.map(none), data.high ?? data.times.map(none)];
}

/** A little air above and below; a constant gets some too. */
function spread(low: number | null, high: number | null): [number, number] {
  if (low === null || high === null || !Number.isFinite(low) || !Number.isFinite(high)) return [0, 1];
  const room = high === low ? Math.max(Math.abs(high) * 0.05, 0.5) : (high - low) * 0.12;
  const bottom = low - room;
  return [low >= 0 && bottom < 0 ? 0 : bottom, high + room];
}

function tickLabel(value: number): string {
  if (Math.abs(value) >= 10_000) return `${+(value / 1000).toFixed(1)}k`;
  return String(+value.toPrecision(6));
}

/** Clock times; the date where a day begins; seconds where the grid is finer than a minute. */
function timeLabels(_: uPlot, ticks: number[]): string[] {
  const step = ticks.length > 1 ? ticks[1]! - ticks[0]! : 60_000;
  return ticks.map((at) => {
    if (step >= 86_400_000 || (formatClock(at) === "00:00" && step >= 3_600_000)) return formatDay(at);
    return step < 60_000 ? formatTime(at) : formatClock(at);
  });
}

export function cssColor(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** A value with its unit. */
export function withUnit(value: number | null | undefined, unit: string): string {
  return unit ? `${formatValue(value)} ${unit}` : formatValue(value);
}
