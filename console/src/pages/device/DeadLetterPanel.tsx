/** Messages of a device that could not be understood, as they came. */
import { Link } from "react-router";
import { explain } from "../../api/errors";
import { useDeadLetters, State, type DeadLetter } from "../../api/deadLetter";
import { sentence } from "../../api/errors";
import { readPayload } from "../../format/payload";
import { formatAgo, formatDateTime, millis } from "../../format/time";
import { useSession } from "../../hooks/useSession";
import { useNow } from "../../hooks/useNow";
import { paths } from "../../paths";
import { Badge } from "../../ui/Badge";
import { Panel } from "../../ui/Panel";
import { Empty, ErrorPanel, SkeletonRows } from "../../ui/States";
import styles from "./Device.module.css";

export function DeadLetterPanel({ deviceId }: { deviceId: string }) {
  const { actions } = useSession();
  const allowed = actions.has("dead_letters.read");
  const { data, error, refetch } = useDeadLetters({ deviceIds: [deviceId], state: State.OPEN }, 50, allowed);
  const now = useNow(10_000);
  if (!allowed) return null;
  return (
    <Panel
      title="Dead letters"
      note="Messages that were refused, kept as they came"
      actions={<Link to={paths.deadLetters(deviceId)}>Fix and replay</Link>}
      flush
    >
      {error ? (
        <div style={{ padding: 16 }}>
          <ErrorPanel {...explain(error)} onRetry={refetch} />
        </div>
      ) : !data ? (
        <SkeletonRows rows={2} />
      ) : data.deadLetters.length === 0 ? (
        <Empty compact icon="check" title="None">
          Every message of this device was understood.
        </Empty>
      ) : (
        data.deadLetters.map((letter) => <Letter key={letter.id} letter={letter} now={now} />)
      )}
    </Panel>
  );
}

function Letter({ letter, now }: { letter: DeadLetter; now: number }) {
  const at = millis(letter.receivedAt) ?? 0;
  return (
    <details className={styles.letter}>
      <summary>
        <Badge tone="rust">{letter.reason.replaceAll("_", " ")}</Badge>
        <span>{sentence(letter.detail)}</span>
        <time title={formatDateTime(at)}>{formatAgo(at, now)}</time>
      </summary>
      <pre className={styles.payload}>{readPayload(letter.payload)}</pre>
    </details>
  );
}
