/** Makes a plot in an element, keeps it as wide as the element, and makes it anew when the theme changes. */
import { useEffect, useLayoutEffect, useRef, useState, type RefObject } from "react";
import { useTheme } from "../hooks/useTheme";
import { createPlot, type Plot, type PlotOptions } from "./plot";
import type { ChartData } from "./series";

export interface PlotSettings extends Pick<PlotOptions, "color" | "unit" | "sync" | "filled" | "height"> {
  zoomable: boolean;
}

const empty: ChartData = { times: [], mid: [] };

/** The range and the zoom handler may change at any time without making the plot anew. */
export function usePlot(settings: PlotSettings, range: () => [number, number], onZoom?: (start: number, end: number) => void): [RefObject<HTMLDivElement | null>, Plot | undefined] {
  const { color, unit, sync, filled, height, zoomable } = settings;
  const element = useRef<HTMLDivElement>(null);
  const latest = useRef({ range, onZoom });
  useLayoutEffect(() => {
    latest.current = { range, onZoom };
  });
  const [plot, setPlot] = useState<Plot>();
  const [theme] = useTheme();

  // The theme is not named inside, but the colours that the plot reads from the page come from it.
  useEffect(() => {
    const target = element.current;
    if (!target) return;
    const made = createPlot(
      target,
      {
        width: Math.max(target.clientWidth, 100),
        height,
        color,
        unit,
        sync,
        filled,
        range: () => latest.current.range(),
        onZoom: zoomable ? (start, end) => latest.current.onZoom?.(start, end) : undefined,
      },
      empty,
    );
    setPlot(made);
    const observer = new ResizeObserver(([entry]) => {
      const width = Math.floor(entry?.contentRect.width ?? 0);
      if (width > 0 && width !== made.width) made.setSize({ width, height });
    });
    observer.observe(target);
    return () => {
      observer.disconnect();
      made.destroy();
      setPlot(undefined);
    };
    // oxlint-disable-next-line react/exhaustive-effect-dependencies
  }, [color, unit, sync, filled, height, zoomable, theme]);

  return [element, plot];
}
