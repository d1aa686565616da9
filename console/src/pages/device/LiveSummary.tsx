/** The live values for screen readers: politely, and not more often than every fifteen seconds. */
import { useEffect, useRef, useState } from "react";
import { withUnit } from "../../charts/plot";
import { measurementTitle, shownIn, type System } from "../../format/unit";
import { useUnits } from "../../hooks/useSession";

const sayEvery = 15_000;
const mostSaid = 4;

function saying(name: string, value: number | undefined, units: System): string {
  const { unit, show } = shownIn(name, units);
  return `${measurementTitle(name)} ${withUnit(value === undefined ? undefined : show(value), unit)}`;
}

export function LiveSummary({ deviceId, names, values, on }: { deviceId: string; names: string[]; values: Record<string, number>; on: boolean }) {
  const [words, setWords] = useState("");
  const units = useUnits();
  const latest = useRef({ names, values });
  useEffect(() => {
    latest.current = { names, values };
  }, [names, values]);
  useEffect(() => {
    if (!on) return;
    const say = () => {
      const parts = latest.current.names.slice(0, mostSaid).map((name) => saying(name, latest.current.values[name], units));
      setWords(parts.length > 0 ? `${deviceId}: ${parts.join(", ")}` : "");
    };
    const timer = setInterval(say, sayEvery);
    return () => clearInterval(timer);
  }, [deviceId, on, units]);
  return (
    <p className="visually-hidden" aria-live="polite">
      {on ? words : ""}
    </p>
  );
}
