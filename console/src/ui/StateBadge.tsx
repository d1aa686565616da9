/** A device's state as a badge. */
import { Badge, type Tone } from "./Badge";

const looks: Record<string, { tone: Tone; label: string; pulse?: boolean; hollow?: boolean }> = {
  live: { tone: "accent", label: "Live", pulse: true },
  stale: { tone: "brass", label: "Stale" },
  never: { tone: "steel", label: "Never seen", hollow: true },
  cut: { tone: "rust", label: "Cut off" },
  suspended: { tone: "rust", label: "Suspended" },
  retired: { tone: "steel", label: "Retired", hollow: true },
};

export function StateBadge({ state }: { state: "live" | "stale" | "never" | "cut" | "suspended" | "retired" }) {
  const look = looks[state];
  if (!look) return null;
  return (
    <Badge tone={look.tone} pulse={look.pulse ?? false} hollow={look.hollow ?? false}>
      {look.label}
    </Badge>
  );
}
