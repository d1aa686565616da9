import { expect, test } from "vitest";
import { TimestampFormat } from "../../api/deadLetter";
import { emptyDraft, readDraft } from "./edit";

test("an empty draft replays letters as they are", () => {
  expect(readDraft(emptyDraft)).toEqual({ edit: { renames: [], drops: [], scales: [] } });
});

test("lines become renames, drops and scales", () => {
  const draft = { ...emptyDraft, renames: "ts = timestamp\n\n measurements.t=measurements.temperature ", drops: "deviceId\n", scales: "measurements.temperature = 0.1", format: String(TimestampFormat.UNIX_SECONDS), timeField: " ts " };
  expect(readDraft(draft)).toEqual({
    edit: {
      renames: [
        { from: "ts", to: "timestamp" },
        { from: "measurements.t", to: "measurements.temperature" },
      ],
      drops: ["deviceId"],
      scales: [{ field: "measurements.temperature", factor: 0.1 }],
      timestamp: { format: TimestampFormat.UNIX_SECONDS, field: "ts", zone: "" },
    },
  });
});

test.each([
  ["renames", "ts"],
  ["renames", "= timestamp"],
  ["scales", "measurements.t = warm"],
  ["scales", "measurements.t = 0"],
])("an unfinished line of %s is named: %s", (field, text) => {
  const got = readDraft({ ...emptyDraft, [field]: text });
  expect("problem" in got && got.problem).toContain(text);
});
