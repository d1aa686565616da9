/** Which time zone this reader wants: the organisation's, their own, or UTC. */
import { useEffect, useSyncExternalStore } from "react";
import { currentZone, onZone, ownZone, setZone } from "../format/zone";

export type ZoneChoice = "organisation" | "mine" | "utc";

const key = "millwright.zone";
const changed = "millwright-zone";

function chosen(): ZoneChoice {
  try {
    const kept = localStorage.getItem(key);
    return kept === "mine" || kept === "utc" ? kept : "organisation";
  } catch {
    return "organisation"; // Storage is blocked.
  }
}

function subscribe(listener: () => void) {
  window.addEventListener(changed, listener);
  return () => window.removeEventListener(changed, listener);
}

export function useZoneChoice(): [ZoneChoice, (choice: ZoneChoice) => void] {
  return [useSyncExternalStore(subscribe, chosen), choose];
}

function choose(choice: ZoneChoice) {
  try {
    localStorage.setItem(key, choice);
  } catch {
    // It cannot be kept.
  }
  window.dispatchEvent(new Event(changed));
}

/** The zone that times are shown in, e.g. Europe/Berlin. */
export const useZone = () => useSyncExternalStore(onZone, currentZone);

/** Makes the chosen zone the page's, and says which one is shown now. */
export function useZoneOf(organisation: string | undefined): string {
  const [choice] = useZoneChoice();
  const wanted = choice === "utc" ? "UTC" : choice === "mine" ? ownZone() : organisation || "UTC";
  useEffect(() => {
    if (organisation !== undefined) setZone(wanted);
  }, [organisation, wanted]);
  return useZone();
}
