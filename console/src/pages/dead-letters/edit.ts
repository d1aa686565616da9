/** What a person types into the replay dialog, and the edit that it means. */
import { TimestampFormat, type Edit } from "../../api/deadLetter";

export interface Draft {
  /** One a line: `from = to`. */
  renames: string;
  /** One a line. */
  drops: string;
  /** One a line: `field = factor`. */
  scales: string;
  /** Empty: the time is left alone. */
  format: string;
  timeField: string;
  zone: string;
  /** Undefined: the message stays. */
  payload: string | undefined;
}

export const emptyDraft: Draft = { renames: "", drops: "", scales: "", format: "", timeField: "", zone: "", payload: undefined };

export const formats: ReadonlyArray<{ value: TimestampFormat; label: string }> = [
  { value: TimestampFormat.UNSPECIFIED, label: "RFC 3339 or Unix milliseconds" },
  { value: TimestampFormat.UNIX_SECONDS, label: "Unix seconds" },
  { value: TimestampFormat.UNIX_MICROSECONDS, label: "Unix microseconds" },
  { value: TimestampFormat.UNIX_NANOSECONDS, label: "Unix nanoseconds" },
  { value: TimestampFormat.LOCAL, label: "2024-01-15 10:30:00" },
  { value: TimestampFormat.LOCAL_DAY_FIRST, label: "15.01.2024 10:30:00" },
  { value: TimestampFormat.LOCAL_MONTH_FIRST, label: "01/15/2024 10:30:00" },
  { value: TimestampFormat.RECEIVED, label: "None: take the time of receipt" },
];

const lines = (text: string) =>
  text
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean);

function pair(line: string): [string, string] | undefined {
  const at = line.indexOf("=");
  const left = line.slice(0, at).trim();
  const right = line.slice(at + 1).trim();
  return at > 0 && left && right ? [left, right] : undefined;
}

/** The edit, or the sentence that says what is not finished yet. */
export function readDraft(draft: Draft): { edit: Edit } | { problem: string } {
  const edit: Edit = { drops: lines(draft.drops), renames: [], scales: [] };
  const renames: { from: string; to: string }[] = [];
  for (const line of lines(draft.renames)) {
    const found = pair(line);
    if (!found) return { problem: `“${line}”: write the old name, =, and the new name.` };
    renames.push({ from: found[0], to: found[1] });
  }
  const scales: { field: string; factor: number }[] = [];
  for (const line of lines(draft.scales)) {
    const found = pair(line);
    const factor = Number(found?.[1]);
    if (!found || !Number.isFinite(factor) || factor === 0) return { problem: `“${line}”: write the field, =, and a number other than 0.` };
    scales.push({ field: found[0], factor });
  }
  return {
    edit: {
      ...edit,
      renames,
      scales,
      ...(draft.format !== "" && { timestamp: { format: Number(draft.format), field: draft.timeField.trim(), zone: draft.zone.trim() } }),
      ...(draft.payload !== undefined && { payload: new TextEncoder().encode(draft.payload) }),
    },
  };
}
