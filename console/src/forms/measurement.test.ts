import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { MeasurementSchema } from "../gen/millwright/devicetype/v1/devicetype_pb";
import { readMeasurement, written } from "./measurement";

test("what is written is read back", () => {
  const m = create(MeasurementSchema, { name: "force", unit: "kN", minimum: 0, maximum: 250.5, precision: 1 });
  expect(readMeasurement(written(m))).toEqual({ name: "force", unit: "kN", description: "", minimum: 0, maximum: 250.5, precision: 1 });
  expect(readMeasurement(written(create(MeasurementSchema, { name: " a " })))).toEqual({ name: "a", unit: "", description: "" });
});

test("what is wrong is said", () => {
  const text = written(create(MeasurementSchema, { name: "force" }));
  expect(readMeasurement({ ...text, name: " " })).toContain("no name");
  expect(readMeasurement({ ...text, minimum: "low" })).toContain('minimum of force is no number: "low"');
  expect(readMeasurement({ ...text, precision: "1.5" })).toContain("0 to 9");
  expect(readMeasurement({ ...text, minimum: "2", maximum: "1" })).toContain("above its maximum");
});
