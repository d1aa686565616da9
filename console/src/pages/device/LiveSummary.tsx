/** The live values for screen readers: politely, and not more often than every fifteen seconds. */
import { useEffect, useRef, useState } from "react";
import { withUnit } from "../../charts/plot";
import { measurementTitle, unitOf } from "../../format/unit";

const sayEvery = 15_000;
const mostSaid = 4;

export function LiveSummary({ deviceId, names, values, on }: { deviceId: string; names: string[]; values: Record<string, number>; on: boolean }) {
  const [words, setWords] = useState("");
  const latest = useRef({ names, values });
  useEffect(() => {
    latest.current = { names, values };
  }, [names, values]);
  useEffect(() => {
    if (!on) return;
    const say = () => {
      const parts = latest.current.names.slice(0, mostSaid).map((name) => `${measurementTitle(name)} ${withUnit(latest.current.values[name], unitOf(name))}`);
      setWords(parts.length > 0 ? `${deviceId}: ${parts.join(", ")}` : "");
    };
    const timer = setInterval(say, sayEvery);
    return () => clearInterval(timer);
  }, [deviceId, on]);
  return (
    <p className="visually-hidden" aria-live="polite">
      {on ? words : ""}
    </p>
  );
}
