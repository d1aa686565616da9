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
