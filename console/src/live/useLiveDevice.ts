/** Keeps a device's live stream open while a page shows it: a buffer for charts, and Redux for everything in words. */
import { useEffect, useState } from "react";
import { recentEvents } from "../api/telemetry";
import { millis, minute } from "../format/time";
import { LiveBuffer } from "./buffer";
import type { LiveEvent } from "./message";
import { connectionChanged, eventsArrived } from "./slice";
import { openLiveSocket } from "./socket";
import { useLiveDispatch } from "./store";

/** What a live chart shows at once. */
export const liveWindow = 5 * minute;
/** How often words follow the stream: fast enough to feel live, slow enough to read. */
const wordsEvery = 250;

export interface LiveView {
  buffer: LiveBuffer;
  /** The history before the stream has been read, or could not be. */
  filled: boolean;
}

export function useLiveDevice(deviceId: string, enabled = true): LiveView {
  const dispatch = useLiveDispatch();
  const [view, setView] = useState<LiveView & { deviceId: string }>(() => fresh(deviceId));
  if (view.deviceId !== deviceId) setView(fresh(deviceId));
  const { buffer } = view;

  useEffect(() => {
    if (!enabled) return;
    const gone = new AbortController();
    let queue: LiveEvent[] = [];
    const flush = setInterval(() => {
      if (queue.length === 0) return;
      dispatch(eventsArrived(queue));
      queue = [];
    }, wordsEvery);
    const close = openLiveSocket(deviceId, {
      connecting: () => dispatch(connectionChanged("connecting")),
      opened: () => dispatch(connectionChanged("open")),
      lost: () => dispatch(connectionChanged("waiting")),
      events: (events) => {
        for (const event of events) buffer.add(event.time, event.values);
        queue.push(...events);
      },
    });
    fill(buffer, deviceId, gone.signal).finally(() => {
      if (!gone.signal.aborted) setView((v) => ({ ...v, filled: true }));
    });
    return () => {
      gone.abort();
      clearInterval(flush);
      close();
      dispatch(connectionChanged("off"));
    };
  }, [buffer, deviceId, dispatch, enabled]);

  return view;
}

function fresh(deviceId: string) {
  return { deviceId, buffer: new LiveBuffer(liveWindow + minute), filled: false };
}

/** Reads the minutes before now into the buffer. Failing is no harm: the stream fills it as it comes. */
async function fill(buffer: LiveBuffer, deviceId: string, signal: AbortSignal): Promise<void> {
  const end = Date.now();
  try {
    const { series } = await recentEvents(deviceId, { start: end - liveWindow, end }, signal);
    if (signal.aborted) return;
    for (const { measurement, points } of series) {
      for (const point of points) buffer.add(millis(point.time) ?? end, { [measurement]: point.value });
    }
  } catch {
    // The page's own queries say when the cell is away.
  }
}
