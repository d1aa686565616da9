/** The letters of a group: each with its payload and the place of its error, and what can be done with them. */
import { useState } from "react";
import { State, useDeadLetter, useDeadLetters, type DeadLetter, type Filter, type Group, type Selection } from "../../api/deadLetter";
import { explain, sentence } from "../../api/errors";
import { formatAgo, formatDateTime, millis } from "../../format/time";
import { useRefusal } from "../../hooks/useSession";
import { Badge } from "../../ui/Badge";
import { Button } from "../../ui/Button";
import { Panel } from "../../ui/Panel";
import { Empty, ErrorPanel, Skeleton, SkeletonRows } from "../../ui/States";
import styles from "./DeadLetters.module.css";
import { DiscardDialog } from "./DiscardDialog";
import { Payload } from "./Payload";
import { ReplayDialog } from "./ReplayDialog";

interface LetterPanelProps {
  group: Group;
  state: State;
  now: number;
  onChanged: () => void;
}

/** What a dialog is about. */
interface Subject {
  title: string;
  selection: Selection;
  payload?: Uint8Array;
}

export function LetterPanel({ group, state, now, onChanged }: LetterPanelProps) {
  const filter: Filter = { deviceIds: [group.deviceId], reason: group.reason, stage: group.stage, state };
  const { data, error, refetch } = useDeadLetters(filter, 50);
  const [replaying, setReplaying] = useState<Subject>();
  const [discarding, setDiscarding] = useState<Subject>();
  const refusal = useRefusal("dead_letters.write");
  const open = state === State.OPEN;
  const all: Subject = { title: `all ${group.count} letters of ${group.deviceId}`, selection: { filter: { ...filter, state: State.UNSPECIFIED } } };

  function closed() {
    setReplaying(undefined);
    setDiscarding(undefined);
    void refetch();
    onChanged();
  }

  return (
    <Panel
      title={`${group.reason.replaceAll("_", " ")}, ${group.deviceId}`}
      note={data?.nextPageToken ? "The newest 50" : undefined}
      actions={
        open && (
          <>
            <Button icon="trash" disabledReason={refusal} onClick={() => setDiscarding(all)}>
              Discard all
            </Button>
            <Button kind="primary" icon="play" disabledReason={refusal} onClick={() => setReplaying(all)}>
              Fix and replay all
            </Button>
          </>
        )
      }
      flush
    >
      {error ? (
        <div style={{ padding: 16 }}>
          <ErrorPanel {...explain(error)} onRetry={refetch} />
        </div>
      ) : !data ? (
        <SkeletonRows rows={3} />
      ) : data.deadLetters.length === 0 ? (
        <Empty compact icon="check" title="All done">
          Nothing of this group is left.
        </Empty>
      ) : (
        data.deadLetters.map((letter) => (
          <Letter key={letter.id} letter={letter} now={now}>
            {open && (
              <div className={styles.actions}>
                <Button size="small" icon="trash" disabledReason={refusal} onClick={() => setDiscarding({ title: letter.id, selection: { ids: [letter.id] } })}>
                  Discard
                </Button>
                <Button size="small" icon="play" disabledReason={refusal} onClick={() => setReplaying({ title: letter.id, selection: { ids: [letter.id] }, payload: letter.payload })}>
                  Fix and replay
                </Button>
              </div>
            )}
          </Letter>
        ))
      )}
      {replaying && <ReplayDialog {...replaying} onClose={closed} />}
      {discarding && <DiscardDialog {...discarding} onClose={closed} />}
    </Panel>
  );
}

function Letter({ letter, now, children }: { letter: DeadLetter; now: number; children: React.ReactNode }) {
  const [opened, setOpened] = useState(false);
  const at = millis(letter.receivedAt) ?? 0;
  return (
    <details className={styles.letter} onToggle={(event) => setOpened(event.currentTarget.open)}>
      <summary>
        <span className="mono">{letter.id}</span>
        <span>{sentence(letter.detail)}</span>
        <time title={formatDateTime(at)}>{formatAgo(at, now)}</time>
      </summary>
      {opened && <Inside letter={letter} />}
      {children}
    </details>
  );
}

function Inside({ letter }: { letter: DeadLetter }) {
  const { data, error } = useDeadLetter(letter.id);
  if (error) return <p className={styles.note}>{explain(error).detail}</p>;
  if (!data?.deadLetter || !data.outcome) return <Skeleton height={40} />;
  const { deadLetter, outcome } = data;
  return (
    <>
      <Payload bytes={deadLetter.payload} offset={outcome.errorOffset} length={outcome.errorLength} />
      <p className={styles.note}>
        {deadLetter.state !== State.OPEN ? (
          <>
            {deadLetter.state === State.REPLAYED ? "Replayed" : "Discarded"} by {deadLetter.changedBy || "the cell"}: {deadLetter.note}
          </>
        ) : outcome.reason ? (
          <>
            <Badge tone="rust">still refused</Badge> {sentence(outcome.detail)}
          </>
        ) : (
          <>
            <Badge tone="accent">would be stored now</Badge> As it is: {outcome.eventCount} {outcome.eventCount === 1 ? "event" : "events"}.
          </>
        )}
        {deadLetter.firstReason && ` Refused first for ${deadLetter.firstReason.replaceAll("_", " ")}.`}
      </p>
    </>
  );
}
