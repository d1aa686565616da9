/** Dead letters: what was refused, why, and how to put it right. */
import { useState } from "react";
import { useSearchParams } from "react-router";
import { State, useLetterGroups, type Filter, type Group } from "../api/deadLetter";
import { explain } from "../api/errors";
import { formatBytes, formatCount } from "../format/number";
import { useNow } from "../hooks/useNow";
import { useSession } from "../hooks/useSession";
import { useTitle } from "../hooks/useTitle";
import { Page } from "../ui/Page";
import { Panel } from "../ui/Panel";
import { Segmented } from "../ui/Segmented";
import { Empty, ErrorPanel, Notice, SkeletonRows } from "../ui/States";
import { GroupTable } from "./dead-letters/GroupTable";
import { LetterPanel } from "./dead-letters/LetterPanel";

type Shown = "open" | "replayed" | "discarded";
const states: Record<Shown, State> = { open: State.OPEN, replayed: State.REPLAYED, discarded: State.DISCARDED };

export default function DeadLettersPage() {
  const { actions } = useSession();
  const allowed = actions.has("dead_letters.read");
  const now = useNow(10_000);
  const [search, setSearch] = useSearchParams();
  const [shown, setShown] = useState<Shown>("open");
  const [chosen, setChosen] = useState<Group>();
  useTitle("Dead letters");
  const device = search.get("device") ?? "";
  const filter: Filter = { deviceIds: device ? [device] : [], state: states[shown] };
  const { data, error, refetch } = useLetterGroups(filter, allowed);
  const kept = data?.kept;

  if (!allowed) {
    return (
      <Page title="Dead letters">
        <Notice icon="info">Your role does not include seeing refused messages. An owner or admin can give you another.</Notice>
      </Page>
    );
  }
  return (
    <Page
      title="Dead letters"
      note={device ? `Of ${device}` : "Messages that were refused, kept as they came, until they are put right"}
      actions={
        <Segmented
          label="State"
          value={shown}
          onChange={(value) => {
            setShown(value);
            setChosen(undefined);
          }}
          choices={[
            { value: "open", label: "Open" },
            { value: "replayed", label: "Replayed" },
            { value: "discarded", label: "Discarded" },
          ]}
        />
      }
    >
      <Panel
        title="By reason"
        note={kept && `${formatCount(kept.letters)} of ${formatCount(kept.maximumLetters)} letters and ${formatBytes(Number(kept.bytes))} of ${formatBytes(Number(kept.maximumBytes))} kept, for ${kept.days} days`}
        actions={
          device ? (
            <button type="button" className="link" onClick={() => setSearch({})}>
              Show all devices
            </button>
          ) : undefined
        }
        flush
      >
        {error ? (
          <div style={{ padding: 16 }}>
            <ErrorPanel {...explain(error)} onRetry={refetch} />
          </div>
        ) : !data ? (
          <SkeletonRows rows={3} />
        ) : data.groups.length === 0 ? (
          <Empty icon="check" title={shown === "open" ? "Every message was understood" : "None"}>
            {shown === "open"
              ? "A message that cannot be decoded, or that a limit forbids, is never thrown away: it lands here with the place of its error. You can rename or scale its fields, mend its time, and replay it – it is stored once, as its own device."
              : "Letters that were put right or closed stay here until they expire."}
          </Empty>
        ) : (
          <GroupTable groups={data.groups} chosen={chosen} onChoose={setChosen} now={now} />
        )}
        {data?.truncated && <Notice icon="info">There are more groups: choose a device on its page to see its own.</Notice>}
      </Panel>
      {chosen && (
        <LetterPanel
          key={`${chosen.reason}/${chosen.stage}/${chosen.deviceId}/${shown}`}
          group={chosen}
          state={states[shown]}
          now={now}
          onChanged={() => {
            void refetch();
          }}
        />
      )}
    </Page>
  );
}
