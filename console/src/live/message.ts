/** One event as the cell's WebSocket sends it, and its reading. */
export interface LiveEvent {
  deviceId: string;
  /** Event time and time of receipt, in milliseconds. */
  time: number;
  received: number;
  values: Record<string, number>;
  /** Events left out before this one because the reader was slow. */
  missed: number;
}

/** Reads a frame: one event, or an array of them. Anything else is nothing: a live view never fails over one frame. */
export function parseFrame(text: string): LiveEvent[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return [];
  }
  const items = Array.isArray(value) ? value : [value];
  return items.map(readEvent).filter((e) => e !== undefined);
}

function readEvent(item: unknown): LiveEvent | undefined {
  if (typeof item !== "object" || item === null) return undefined;
  const { deviceId, time, received, values, missed } = item as Record<string, unknown>;
  const at = instant(time);
  if (typeof deviceId !== "string" || at === undefined) return undefined;
  const numbers: Record<string, number> = {};
  for (const [name, v] of Object.entries(values ?? {})) if (typeof v === "number" && Number.isFinite(v)) numbers[name] = v;
  return { deviceId, time: at, received: instant(received) ?? at, values: numbers, missed: Number(missed ?? 0) || 0 };
}

function instant(value: unknown): number | undefined {
  const ms = typeof value === "string" ? Date.parse(value) : typeof value === "number" ? value : NaN;
  return Number.isFinite(ms) ? ms : undefined;
}
