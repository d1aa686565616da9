/** Whether the counts behind a bill agree: what is stored, what was counted and what the ledger has, compared all the time. */
import { useMismatches } from "../../api/usage";
import { formatCount } from "../../format/number";
import { hour, millis } from "../../format/time";
import { Badge } from "../../ui/Badge";

export function Counted({ start = 0, end = 0 }: { start: number | undefined; end: number | undefined }) {
  const { data } = useMismatches();
  if (!data) return null;
  const within = (at: number) => at + hour > start && at < end;
  const hours = new Set(data.mismatches.filter((m) => m.resolvedAt === undefined && within(millis(m.hour) ?? 0)).map((m) => millis(m.hour)));
  if (hours.size === 0) return <Badge tone="accent">counts agree</Badge>;
  return <Badge tone="rust">{hours.size === 1 ? "one hour's counts differ" : `counts of ${formatCount(hours.size)} hours differ`}</Badge>;
}
