/** Follows the devices in sight by the cell's Watch stream, so that the fleet moves between two readings of Latest. */
import { useEffect } from "react";
import { watchDevices } from "../api/telemetry";
import { millis } from "../format/time";
import type { LiveEvent } from "./message";
import { eventsArrived } from "./slice";
import { retryWait } from "./socket";
import { useLiveDispatch } from "./store";

/** What one Watch may name. */
const mostWatched = 100;
const wordsEvery = 500;

export function useFleetWatch(deviceIds: string[]) {
  const dispatch = useLiveDispatch();
  const watched = deviceIds.slice(0, mostWatched).join(",");

  useEffect(() => {
    if (watched === "") return;
    const gone = new AbortController();
    let queue: LiveEvent[] = [];
    const flush = setInterval(() => {
      if (queue.length === 0) return;
      dispatch(eventsArrived(queue));
      queue = [];
    }, wordsEvery);
    void follow(watched.split(","), gone.signal, (event) => queue.push(event));
    return () => {
      gone.abort();
      clearInterval(flush);
    };
  }, [watched, dispatch]);
}

/** Reads the stream, and starts it again when it ends, until the signal. Latest goes on without it. */
async function follow(deviceIds: string[], signal: AbortSignal, take: (event: LiveEvent) => void): Promise<void> {
  for (let failures = 0; !signal.aborted; failures++) {
    try {
      for await (const event of watchDevices(deviceIds, signal)) {
        failures = 0;
        const time = millis(event.eventTime) ?? Date.now();
        take({ deviceId: event.deviceId, time, received: millis(event.receivedAt) ?? time, values: event.values, missed: Number(event.missed) });
      }
    } catch {
      // Tried again below; the page's own query says when the cell is away.
    }
    await wait(retryWait(failures), signal);
  }
}

function wait(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
