/** One measurement of the last minutes, moving. It draws from the buffer by itself; React renders it once. */
import { useEffect } from "react";
import { calm, useMedia } from "../hooks/useMedia";
import type { LiveBuffer } from "../live/buffer";
import styles from "./Chart.module.css";
import { aligned } from "./plot";
import { converted, usualStep, withGaps } from "./series";
import { usePlot } from "./usePlot";

interface LiveChartProps {
  buffer: LiveBuffer;
  measurement: string;
  windowMs: number;
  color: string;
  unit: string;
  /** From what was sent to what is drawn. */
  show: (value: number) => number;
  summary: string;
  height: number;
}

const smoothEvery = 80;
const calmEvery = 1_000;

export function LiveChart({ buffer, measurement, windowMs, color, unit, show, summary, height }: LiveChartProps) {
  const slow = useMedia(calm);
  const [element, plot] = usePlot({ color, unit, height, sync: "live", filled: true, zoomable: false }, () => liveRange(buffer, windowMs));

  useEffect(() => {
    const target = element.current;
    if (!plot || !target) return;
    let visible = true;
    let frame = 0;
    let drawnAt = 0;
    let drawn = -1;
    const seen = new IntersectionObserver(([entry]) => {
      visible = entry?.isIntersecting ?? true;
    });
    seen.observe(target);
    function draw(time: number) {
      frame = requestAnimationFrame(draw);
      if (!visible || time - drawnAt < (slow ? calmEvery : smoothEvery) || !plot) return;
      drawnAt = time;
      if (drawn !== buffer.version) {
        drawn = buffer.version;
        const { times, values } = buffer.read(measurement);
        plot.setData(aligned(withGaps(converted({ times, mid: values }, show), Math.max(5 * usualStep(times), 10_000))), false);
      }
      const [min, max] = liveRange(buffer, windowMs);
      plot.setScale("x", { min, max });
    }
    frame = requestAnimationFrame(draw);
    return () => {
      cancelAnimationFrame(frame);
      seen.disconnect();
    };
  }, [plot, buffer, measurement, windowMs, show, slow, element]);

  return (
    <figure className={styles.figure}>
      <div className={styles.canvas} style={{ height }} ref={element} aria-hidden="true" />
      <figcaption className="visually-hidden">{summary}</figcaption>
    </figure>
  );
}

/** Up to now, or up to the newest event where the device's clock is ahead of the reader's. */
function liveRange(buffer: LiveBuffer, windowMs: number): [number, number] {
  const end = Math.max(Date.now(), buffer.times[buffer.times.length - 1] ?? 0);
  return [end - windowMs, end];
}
