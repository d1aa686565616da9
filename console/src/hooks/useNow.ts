/** The time, ticking; one timer serves every component that asks for the same pace. */
import { useSyncExternalStore } from "react";

const clocks = new Map<number, { now: number; listeners: Set<() => void>; timer?: ReturnType<typeof setInterval> }>();

function clock(every: number) {
  let found = clocks.get(every);
  if (!found) {
    found = { now: Date.now(), listeners: new Set() };
    clocks.set(every, found);
  }
  return found;
}

/** Milliseconds since 1970, renewed every so many milliseconds. */
export function useNow(every = 1000): number {
  return useSyncExternalStore(
    (changed) => {
      const c = clock(every);
      c.listeners.add(changed);
      c.now = Date.now();
      c.timer ??= setInterval(() => {
        c.now = Date.now();
        for (const listener of c.listeners) listener();
      }, every);
      return () => {
        c.listeners.delete(changed);
        if (c.listeners.size > 0) return;
        clearInterval(c.timer);
        c.timer = undefined;
      };
    },
    () => clock(every).now,
  );
}
