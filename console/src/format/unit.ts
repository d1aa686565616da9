/**
 * The unit of a measurement, guessed from its name, and only where the name leaves no doubt: `temperature_c` says it,
 * `speed` does not. A plain `temperature` counts as Celsius, `humidity` as percent, by wide convention.
 */
const bySuffix: Array<[RegExp, string]> = [
  [/_(c|celsius)$/, "°C"],
  [/_(f|fahrenheit)$/, "°F"],
  [/_(pct|percent)$/, "%"],
  [/_hpa$/, "hPa"],
  [/_kpa$/, "kPa"],
  [/_bar$/, "bar"],
  [/_rpm$/, "rpm"],
  [/_(mm_s|mmps)$/, "mm/s"],
  [/_kmh$/, "km/h"],
  [/_mps$/, "m/s"],
  [/_kwh$/, "kWh"],
  [/_kw$/, "kW"],
  [/_hz$/, "Hz"],
  [/_mm$/, "mm"],
  [/_ms$/, "ms"],
  [/_(v|volts?)$/, "V"],
  [/_(a|amps?)$/, "A"],
  [/_(deg|degrees)$/, "°"],
];
const byName: Record<string, string> = {
  temperature: "°C",
  humidity: "%",
  battery_level: "%",
  rpm: "rpm",
  latitude: "°",
  longitude: "°",
  lat: "°",
  lon: "°",
};

/** The unit, or an empty string when the name does not settle it. */
export function unitOf(measurement: string): string {
  const leaf = measurement.slice(measurement.lastIndexOf(".") + 1).toLowerCase();
  for (const [pattern, unit] of bySuffix) if (pattern.test(leaf)) return unit;
  return byName[leaf] ?? (leaf.endsWith("_temperature") ? "°C" : "");
}

/** A name people can read: `bearing_temperature` → "Bearing temperature", `vibration.x` → "Vibration x". */
export function measurementTitle(measurement: string): string {
  const words = measurement.replaceAll(/[._]+/g, " ").trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** How an organisation wants measurements shown. What devices send and the API answers stays as it is. */
export type System = "metric" | "imperial";

/** What a measurement is shown in, and how to get there from what was sent. */
export interface Shown {
  unit: string;
  show: (value: number) => number;
}

const same = (value: number) => value;
const times = (factor: number) => (value: number) => value * factor;
const imperial: Record<string, Shown> = {
  "°C": { unit: "°F", show: (c) => c * 1.8 + 32 },
  bar: { unit: "psi", show: times(14.503_774) },
  kPa: { unit: "psi", show: times(0.145_037_74) },
  hPa: { unit: "inHg", show: times(0.029_529_98) },
  mm: { unit: "in", show: times(1 / 25.4) },
  "mm/s": { unit: "in/s", show: times(1 / 25.4) },
  "km/h": { unit: "mph", show: times(1 / 1.609_344) },
  "m/s": { unit: "ft/s", show: times(1 / 0.3048) },
};

/**
 * How a measurement is shown in a system of units. The device's type tells its unit, else its name may; one whose unit is
 * open is shown as it was sent.
 */
export function shownIn(measurement: string, system: System, typed?: string): Shown {
  const unit = typed || unitOf(measurement);
  return (system === "imperial" ? imperial[unit] : undefined) ?? { unit, show: same };
}
