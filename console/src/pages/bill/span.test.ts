import { expect, test } from "vitest";
import { spanName } from "./span";

const at = (text: string) => Date.parse(text);

test.each([
  ["2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z", "1 Nov – 30 Nov"],
  ["2026-11-29T12:00:00Z", "2026-12-01T00:00:00Z", "29 Nov, 12:00 – 30 Nov"],
  ["2026-11-01T00:00:00Z", "2026-11-29T12:00:00Z", "1 Nov – 29 Nov, 12:00"],
])("%s to %s is %j", (start, end, want) => {
  expect(spanName(at(start), at(end))).toBe(want);
});
