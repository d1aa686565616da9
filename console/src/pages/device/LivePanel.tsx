/** The device now: a moving chart for each measurement. */
import type { Measurement } from "../../api/devicetype";
import { useState } from "react";
import { LiveChart } from "../../charts/LiveChart";
import { converted, summarise } from "../../charts/series";
import { withUnit } from "../../charts/plot";
import { measurementTitle, shownIn } from "../../format/unit";
import { useUnits } from "../../hooks/useSession";
import { liveWindow, type LiveView } from "../../live/useLiveDevice";
import { Button } from "../../ui/Button";
import { Panel } from "../../ui/Panel";
import { Empty, Skeleton } from "../../ui/States";
import { ChartCard, colorOf } from "./ChartCard";
import styles from "./Device.module.css";

const shownFirst = 12;

interface LivePanelProps {
  live: LiveView;
  names: string[];
  values: Record<string, number>;
  everSeen: boolean;
  schema: Record<string, Measurement>;
}

export function LivePanel({ live, names, values, everSeen, schema }: LivePanelProps) {
  const [all, setAll] = useState(false);
  const units = useUnits();
  if (names.length === 0 && !live.filled) return <ChartSkeletons />;
  if (names.length === 0) {
    return (
      <Panel>
        <Empty icon="refresh" title={everSeen ? "Quiet for the last five minutes" : "No message yet"}>
          {everSeen ? "The charts begin to move when the device sends again. Choose a longer range to look back." : "Send a first message with the device's certificate, and its measurements appear here."}
        </Empty>
      </Panel>
    );
  }
  const shown = all ? names : names.slice(0, shownFirst);
  return (
    <>
      <div className={styles.charts}>
        {shown.map((name) => {
          const { unit, show } = shownIn(name, units, schema[name]?.unit);
          const summary = summarise(converted({ times: [], mid: live.buffer.read(name).values }, show));
          const value = values[name];
          const now = value === undefined ? undefined : show(value);
          const words = summary
            ? `${measurementTitle(name)} over the last five minutes: now ${withUnit(now ?? summary.last, unit)}, lowest ${withUnit(summary.low, unit)}, highest ${withUnit(summary.high, unit)}.`
            : `${measurementTitle(name)}: nothing in the last five minutes.`;
          return (
            <ChartCard key={name} measurement={name} unit={unit} decimals={schema[name]?.precision} color={colorOf(names, name)} value={now} summary={summary}>
              <LiveChart buffer={live.buffer} measurement={name} windowMs={liveWindow} color={colorOf(names, name)} unit={unit} show={show} summary={words} height={168} />
            </ChartCard>
          );
        })}
      </div>
      {names.length > shown.length && <Button onClick={() => setAll(true)}>Show all {names.length} measurements</Button>}
    </>
  );
}

export function ChartSkeletons() {
  return (
    <div className={styles.charts} role="status" aria-label="Loading charts">
      {[0, 1, 2, 3].map((i) => (
        <div key={i} className={styles.chart}>
          <Skeleton width="40%" />
          <div style={{ height: 20 }} />
          <Skeleton height={168} />
        </div>
      ))}
    </div>
  );
}
