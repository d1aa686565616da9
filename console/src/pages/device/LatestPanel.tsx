/** The newest value of every measurement, in words. */
import type { Measurement } from "../../api/devicetype";
import { formatValue } from "../../format/number";
import { formatAgo, formatDateTime } from "../../format/time";
import { measurementTitle, unitOf } from "../../format/unit";
import { useNow } from "../../hooks/useNow";
import { Panel } from "../../ui/Panel";
import { Empty } from "../../ui/States";
import styles from "./Device.module.css";

interface LatestPanelProps {
  values: Record<string, number>;
  received: number | undefined;
  schema: Record<string, Measurement>;
}

export function LatestPanel({ values, received, schema }: LatestPanelProps) {
  const now = useNow(1000);
  const names = Object.keys(values).sort();
  return (
    <Panel title="Latest values" note={received === undefined ? "Nothing received yet" : <span title={formatDateTime(received)}>Received {formatAgo(received, now)}</span>} flush>
      {names.length === 0 ? (
        <Empty compact icon="refresh" title="No values yet" />
      ) : (
        <dl className={styles.values}>
          {names.map((name) => (
            <div key={name}>
              <dt>{measurementTitle(name)}</dt>
              <dd>
                {formatValue(values[name], schema[name]?.precision)}
                {(schema[name]?.unit || unitOf(name)) && <small> {schema[name]?.unit || unitOf(name)}</small>}
              </dd>
            </div>
          ))}
        </dl>
      )}
    </Panel>
  );
}
