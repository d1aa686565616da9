/** What the cell must be asked for a filter by liveness. */
import { useMemo } from "react";
import type { Heard, Show } from "../../api/device";
import { useHeard } from "../../api/telemetry";
import { liveWithin } from "./rows";

interface HeardFor extends Heard {
  /** All that the filter needs is here. */
  known: boolean;
  /** There are more devices than the cell names. */
  more: boolean;
  error: Error | null;
  retry: () => void;
}

export function useHeardFor(show: Show): HeardFor {
  const needsEver = show === "stale" || show === "never";
  const needsLive = show === "live" || needsEver;
  const live = useHeard(liveWithin, needsLive);
  const ever = useHeard(0, needsEver);
  const error = (needsLive && !live.data ? live.error : null) ?? (needsEver && !ever.data ? ever.error : null);
  const { data: recently, refetch: again } = live;
  const { data: atAll, refetch: atAllAgain } = ever;
  return useMemo(
    () => ({
      live: recently?.devices.map((d) => d.deviceId) ?? [],
      ever: atAll?.devices.map((d) => d.deviceId) ?? [],
      known: (!needsLive || recently !== undefined) && (!needsEver || atAll !== undefined),
      more: (needsLive && recently?.more === true) || (needsEver && atAll?.more === true),
      error,
      retry: () => {
        void again();
        void atAllAgain();
      },
    }),
    [recently, atAll, needsLive, needsEver, error, again, atAllAgain],
  );
}
