/** Chooses what the charts show: now, or some range of the past. */
import type { Connection } from "../../live/slice";
import { fromLocalInput, toLocalInput } from "../../format/time";
import { useZone } from "../../hooks/useZone";
import { Badge } from "../../ui/Badge";
import { Button } from "../../ui/Button";
import { TextField } from "../../ui/Field";
import { Segmented } from "../../ui/Segmented";
import styles from "./Device.module.css";
import { properRange, type RangeName, type View } from "./ranges";

interface RangeBarProps {
  view: View;
  connection: Connection;
  onName: (name: RangeName) => void;
  onView: (view: View) => void;
  /** The view before the last zoom. */
  zoomedFrom: View | undefined;
}

const choices = [
  { value: "live", label: "Live" },
  { value: "15m", label: "15 min" },
  { value: "1h", label: "1 h" },
  { value: "6h", label: "6 h" },
  { value: "24h", label: "24 h" },
  { value: "7d", label: "7 d" },
  { value: "custom", label: "Custom" },
] as const;

export function RangeBar({ view, connection, onName, onView, zoomedFrom }: RangeBarProps) {
  return (
    <>
      <div className={styles.bar}>
        <Segmented label="Range" value={view.name} choices={choices} onChange={onName} />
        {view.name === "live" ? (
          <ConnectionState connection={connection} />
        ) : zoomedFrom ? (
          <Button size="small" icon="zoomOut" onClick={() => onView(zoomedFrom)}>
            Zoom out
          </Button>
        ) : (
          <span />
        )}
      </div>
      {view.name === "custom" && <CustomRange view={view} onView={onView} />}
    </>
  );
}

function CustomRange({ view, onView }: { view: View; onView: (view: View) => void }) {
  const { start, end } = view.range;
  const zone = useZone();
  const change = (next: { start?: string; end?: string }) => {
    const from = next.start ? fromLocalInput(next.start) : start;
    const to = next.end ? fromLocalInput(next.end) : end;
    if (Number.isFinite(from) && Number.isFinite(to)) onView({ name: "custom", range: properRange(from, to) });
  };
  return (
    <div className={styles.custom}>
      <TextField label={`From (${zone})`} type="datetime-local" value={toLocalInput(start)} onChange={(e) => change({ start: e.target.value })} />
      <TextField label={`To (${zone})`} type="datetime-local" value={toLocalInput(end)} onChange={(e) => change({ end: e.target.value })} />
    </div>
  );
}

function ConnectionState({ connection }: { connection: Connection }) {
  return (
    <span className={styles.connection} role="status">
      {connection === "open" ? (
        <Badge tone="accent" pulse>
          Connected
        </Badge>
      ) : connection === "waiting" ? (
        <Badge tone="brass">Connection lost, trying again</Badge>
      ) : (
        <Badge hollow>Connecting</Badge>
      )}
    </span>
  );
}
