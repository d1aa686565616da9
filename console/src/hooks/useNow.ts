/** The time, ticking; one timer serves every component that asks for the same pace. */
import { useSyncExternalStore } from "react";

interface Clock {
  read: () => number;
  subscribe: (changed: () => void) => () => void;
}

const clocks = new Map<number, Clock>();

function clock(every: number): Clock {
  let found = clocks.get(every);
  if (!found) {
    found = makeClock(every);
    clocks.set(every, found);
  }
  return found;
}

function makeClock(every: number): Clock {
  const listeners = new Set<() => void>();
  let now = Date.now();
  let timer: ReturnType<typeof setInterval> | undefined;
  return {
    read: () => now,
    subscribe(changed) {
      listeners.add(changed);
      if (!timer) {
        now = Date.now();
        timer = setInterval(() => {
          now = Date.now();
          for (const listener of listeners) listener();
        }, every);
      }
      return () => {
        listeners.delete(changed);
        if (listeners.size > 0) return;
        clearInterval(timer);
        timer = undefined;
      };
    },
  };
}

/** Milliseconds since 1970, renewed every so many milliseconds. */
export function useNow(every = 1000): number {
  const { subscribe, read } = clock(every);
  return useSyncExternalStore(subscribe, read);
}
