/** Groups of dead letters; one is chosen to look into. */
import { Stage, type Group } from "../../api/deadLetter";
import { sentence } from "../../api/errors";
import { Sparkline } from "../../charts/Sparkline";
import { formatCount } from "../../format/number";
import { formatAgo, formatDateTime, millis } from "../../format/time";
import { Badge } from "../../ui/Badge";
import { cx } from "../../ui/cx";
import table from "../../ui/Table.module.css";
import styles from "./DeadLetters.module.css";

interface GroupTableProps {
  groups: Group[];
  chosen: Group | undefined;
  onChoose: (group: Group) => void;
  now: number;
}

const same = (a: Group | undefined, b: Group) => a?.reason === b.reason && a.stage === b.stage && a.deviceId === b.deviceId;

export function GroupTable({ groups, chosen, onChoose, now }: GroupTableProps) {
  return (
    <table className={table.table}>
      <thead>
        <tr>
          <th scope="col">Reason</th>
          <th scope="col">Device</th>
          <th scope="col" className={table.number}>
            Letters
          </th>
          <th scope="col">Last 24 hours</th>
          <th scope="col">First</th>
          <th scope="col">Last</th>
        </tr>
      </thead>
      <tbody>
        {groups.map((group) => (
          <tr key={`${group.reason}/${group.stage}/${group.deviceId}`} className={cx(same(chosen, group) && styles.chosen)}>
            <td data-lead>
              <Reason group={group} chosen={same(chosen, group)} onChoose={onChoose} />
            </td>
            <td data-label="Device" className="mono">
              {group.deviceId}
            </td>
            <td data-label="Letters" className={table.number}>
              {formatCount(group.count)}
            </td>
            <td data-label="Last 24 hours">
              <Sparkline values={group.sparkline.map(Number)} label={`${group.reason} of ${group.deviceId}, last 24 hours`} />
            </td>
            <Moment label="First" at={millis(group.firstReceivedAt)} now={now} />
            <Moment label="Last" at={millis(group.lastReceivedAt)} now={now} />
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Moment({ label, at, now }: { label: string; at: number | undefined; now: number }) {
  return (
    <td data-label={label} className={cx(table.muted, table.nowrap)}>
      {at !== undefined && <time title={formatDateTime(at)}>{formatAgo(at, now)}</time>}
    </td>
  );
}

function Reason({ group, chosen, onChoose }: { group: Group; chosen: boolean; onChoose: (group: Group) => void }) {
  return (
    <button type="button" className={styles.choose} aria-pressed={chosen} onClick={() => onChoose(group)}>
      <Badge tone="rust">{group.reason.replaceAll("_", " ")}</Badge>
      <span className={styles.detail}>
        {group.stage === Stage.ENGINE ? "Engine: " : ""}
        {sentence(group.detail)}
      </span>
    </button>
  );
}
