/** The time zone that instants are written in: one for the whole page. Layouts set it; format reads it. */

/** The reader's own. */
export const ownZone = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone;

let zone = ownZone();
const listeners = new Set<() => void>();

export const currentZone = (): string => zone;

/** Names the zone; one that this browser does not know changes nothing. */
export function setZone(name: string) {
  if (name === zone || !known(name)) return;
  zone = name;
  for (const listener of listeners) listener();
}

export function onZone(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function known(name: string): boolean {
  try {
    return Boolean(new Intl.DateTimeFormat("en-GB", { timeZone: name }));
  } catch {
    return false;
  }
}

/** A formatter in the zone of the moment. */
export function inZone(options: Intl.DateTimeFormatOptions): (at: number) => string {
  let made: { zone: string; format: Intl.DateTimeFormat } | undefined;
  return (at) => {
    if (made?.zone !== zone) made = { zone, format: new Intl.DateTimeFormat("en-GB", { ...options, timeZone: zone }) };
    return made.format.format(at);
  };
}
