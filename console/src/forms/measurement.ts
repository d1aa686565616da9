/** A measurement of a device type as people write it, and back. Pure. */
import type { DeviceType, Measurement } from "../api/devicetype";

export interface MeasurementText {
  name: string;
  unit: string;
  minimum: string;
  maximum: string;
  precision: string;
  description: string;
}

export function written(m: Measurement): MeasurementText {
  const text = (n: number | undefined) => (n === undefined ? "" : String(n));
  return { name: m.name, unit: m.unit, minimum: text(m.minimum), maximum: text(m.maximum), precision: text(m.precision), description: m.description };
}

export interface MeasurementValues {
  name: string;
  unit: string;
  description: string;
  minimum?: number;
  maximum?: number;
  precision?: number;
}

/** The values, or a sentence about what is wrong. */
export function readMeasurement(text: MeasurementText): MeasurementValues | string {
  const name = text.name.trim();
  if (name === "") return "A measurement has no name: enter it or remove the line.";
  const out: MeasurementValues = { name, unit: text.unit.trim(), description: text.description };
  for (const field of ["minimum", "maximum", "precision"] as const) {
    const given = text[field].trim();
    if (given === "") continue;
    const n = Number(given);
    if (!Number.isFinite(n)) return `The ${field} of ${name} is no number: "${given}".`;
    if (field === "precision" && (!Number.isInteger(n) || n < 0 || n > 9)) return `The decimals of ${name}: enter 0 to 9.`;
    out[field] = n;
  }
  if (out.minimum !== undefined && out.maximum !== undefined && out.minimum > out.maximum) return `The minimum of ${name} is above its maximum.`;
  return out;
}

/** A type as lines to compare. */
export const linesOf = (t: DeviceType): Array<[string, string]> => [
  ["Description", t.description],
  ["Others are", ["accepted", "accepted", "dropped", "refused"][t.unknownMeasurements] ?? ""],
  ["Measurements", t.measurements.map((m) => `${m.name} ${m.minimum ?? "−∞"} to ${m.maximum ?? "∞"} ${m.unit}`.trim()).join("; ")],
];
