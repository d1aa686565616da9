/** Plausible signals as pure functions of device and time, so that history, sparkline and live stream agree. */
export interface DeviceKind {
  type: string;
  prefix: string;
  /** Milliseconds between events. */
  every: number;
  measure(seed: number, t: number): Record<string, number>;
}

const dayMs = 86_400_000;

/** A number in [0, 1) that looks random and is the same every time. */
export function hash(seed: number, n: number): number {
  let x = (seed * 374_761_393 + Math.floor(n) * 668_265_263) | 0;
  x = Math.imul(x ^ (x >>> 13), 1_274_126_177);
  return ((x ^ (x >>> 16)) >>> 0) / 4_294_967_296;
}

function noise(seed: number, t: number, size: number): number {
  return (hash(seed, t / 100) - 0.5) * 2 * size;
}

function wave(t: number, period: number, phase: number): number {
  return Math.sin((t / period + phase) * 2 * Math.PI);
}

/** The day's load: low at night, high in two shifts, with a slow swing of its own. */
function load(seed: number, t: number): number {
  const hourOfDay = ((t % dayMs) / dayMs) * 24;
  const shift = hourOfDay > 5.5 && hourOfDay < 22 ? 1 : 0.55;
  return shift * (0.82 + 0.12 * wave(t, 540_000, hash(seed, 1)) + 0.05 * wave(t, 95_000, hash(seed, 2)));
}

export const kinds: DeviceKind[] = [
  {
    type: "temperature_sensor",
    prefix: "temp",
    every: 5_000,
    measure: (seed, t) => ({
      temperature: 58 + 18 * load(seed, t) + noise(seed, t, 0.35),
      humidity: 44 - 8 * load(seed, t) + noise(seed + 1, t, 0.6),
    }),
  },
  {
    type: "vibration_sensor",
    prefix: "vib",
    every: 1_000,
    measure: (seed, t) => {
      const l = load(seed, t);
      const wear = 1 + ((t / 3_600_000 + seed) % 40) / 60;
      return {
        "vibration.x": 1.9 * l * wear + 0.35 * wave(t, 7_300, 0) + noise(seed, t, 0.22),
        "vibration.y": 1.4 * l * wear + 0.28 * wave(t, 5_900, 0.3) + noise(seed + 1, t, 0.2),
        "vibration.z": 2.6 * l * wear + 0.4 * wave(t, 8_700, 0.6) + noise(seed + 2, t, 0.3),
        bearing_temperature: 47 + 14 * l * wear + noise(seed + 3, t, 0.2),
      };
    },
  },
  {
    type: "pressure_sensor",
    prefix: "press",
    every: 2_000,
    measure: (seed, t) => ({
      pressure: 6.1 + 0.5 * wave(t, 46_000, hash(seed, 4)) * load(seed, t) + noise(seed, t, 0.04),
      flow: 118 * load(seed, t) + noise(seed + 1, t, 1.8),
      temperature: 38 + 6 * load(seed, t) + noise(seed + 2, t, 0.15),
    }),
  },
  {
    type: "machine_controller",
    prefix: "cnc",
    every: 1_000,
    measure: (seed, t) => {
      const cutting = (t / 1000 + seed * 7) % 75 < 52 ? 1 : 0.12;
      return {
        spindle_rpm: 11_800 * cutting + noise(seed, t, 60 * cutting),
        spindle_load: 62 * cutting * load(seed, t) + noise(seed + 1, t, 3),
        power_kw: 1.4 + 8.6 * cutting * load(seed, t) + noise(seed + 2, t, 0.25),
        coolant_temperature: 24 + 5 * load(seed, t) + noise(seed + 3, t, 0.1),
        parts_made: Math.floor((t % dayMs) / 75_000),
      };
    },
  },
  {
    type: "gps_tracker",
    prefix: "agv",
    every: 4_000,
    measure: (seed, t) => ({
      latitude: 52.1205 + 0.0009 * wave(t, 310_000, hash(seed, 5)),
      longitude: 11.6276 + 0.0014 * wave(t, 240_000, hash(seed, 6)),
      speed: Math.max(0, 1.4 + 0.8 * wave(t, 38_000, 0.2) + noise(seed, t, 0.08)),
      battery_level: 96 - ((t / 240_000 + seed * 13) % 61),
    }),
  },
  {
    type: "quality_camera",
    prefix: "cam",
    every: 6_000,
    measure: (seed, t) => ({
      defect_rate: Math.max(0, 0.8 + 0.5 * wave(t, 900_000, hash(seed, 7)) + noise(seed, t, 0.2)),
      confidence: 97.4 + noise(seed + 1, t, 0.9),
      inspection_ms: 82 + noise(seed + 2, t, 9),
    }),
  },
];

export function kindOf(type: string): DeviceKind {
  return kinds.find((k) => k.type === type) ?? kinds[0]!;
}
