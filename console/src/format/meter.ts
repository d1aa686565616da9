/** What meters are called, and the unit that people read their counts in. The server counts in whole smallest units. */
import { formatCount } from "./number";

interface Reading {
  name: string;
  /** One of them, and several. */
  unit: readonly [one: string, many: string];
  /** How many of the counted units make one that people read. */
  per: bigint;
}

const gigabyte = 1_000_000_000n;

const readings: Record<string, Reading> = {
  events: { name: "Events", unit: ["event", "events"], per: 1n },
  points: { name: "Points", unit: ["point", "points"], per: 1n },
  duplicates: { name: "Duplicates", unit: ["event", "events"], per: 1n },
  dead_letters: { name: "Dead letters", unit: ["event", "events"], per: 1n },
  bytes: { name: "Bytes stored", unit: ["byte", "bytes"], per: 1n },
  device_hours: { name: "Device-hours", unit: ["device-hour", "device-hours"], per: 1n },
  storage_raw: { name: "Storage of events", unit: ["GB-hour", "GB-hours"], per: gigabyte },
  storage_minutes: { name: "Storage of minutes", unit: ["GB-hour", "GB-hours"], per: gigabyte },
  storage_hours: { name: "Storage of hours", unit: ["GB-hour", "GB-hours"], per: gigabyte },
  api_requests: { name: "API requests", unit: ["request", "requests"], per: 1n },
  query_seconds: { name: "Query time", unit: ["second", "seconds"], per: 1000n },
  engine_seconds: { name: "Engine time", unit: ["second", "seconds"], per: 1000n },
  store_seconds: { name: "Insert time", unit: ["second", "seconds"], per: 1000n },
  live_minutes: { name: "Live sessions", unit: ["minute", "minutes"], per: 60_000n },
};

function readingOf(meter: string): Reading {
  const words = meter.replaceAll("_", " ");
  return readings[meter] ?? { name: words.slice(0, 1).toUpperCase() + words.slice(1), unit: ["unit", "units"], per: 1n };
}

export const meterName = (meter: string) => readingOf(meter).name;

/** The unit of a meter, in the plural. */
export const meterUnit = (meter: string) => readingOf(meter).unit[1];

/** 2500000000n of storage → "2.5"; exact to three digits, the rest is cut off. */
export function formatQuantity(quantity: bigint, meter: string): string {
  const { per } = readingOf(meter);
  const thousandths = ((quantity % per) * 1000n) / per;
  const whole = formatCount(quantity / per);
  return thousandths === 0n ? whole : `${whole}.${thousandths.toString().padStart(3, "0").replace(/0+$/, "")}`;
}

/** What a price is for: 1000000 of events → "1,000,000 events", 1000000000 of storage → "GB-hour". */
export function formatPer(per: bigint, meter: string): string {
  const reading = readingOf(meter);
  return per === reading.per ? reading.unit[0] : `${formatQuantity(per, meter)} ${reading.unit[1]}`;
}

/** A quantity as a number for a chart, in the unit that people read. */
export const readable = (quantity: bigint, meter: string) => Number((quantity * 1000n) / readingOf(meter).per) / 1000;
