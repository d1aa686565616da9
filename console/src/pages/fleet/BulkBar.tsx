/** What is selected in the fleet, and what can be done to it. */
import { useState } from "react";
import { BulkAction } from "../../api/bulk";
import { listIds, mostActedOn, type ListInput } from "../../api/device";
import { explain } from "../../api/errors";
import { bulkChoices, type BulkChoice } from "../../forms/bulkActions";
import { formatCount } from "../../format/number";
import { useSession, useRefusal, type Action } from "../../hooks/useSession";
import { Button } from "../../ui/Button";
import { useToasts } from "../../ui/Toasts";
import { ActDialog } from "./ActDialog";
import styles from "./Bulk.module.css";
import { GroupDialog } from "./GroupDialog";
import { LabelDialog } from "./LabelDialog";

interface BulkBarProps {
  selected: ReadonlySet<string>;
  /** All that the filter finds, and whether there may be more. */
  total: number;
  minimum: boolean;
  input: ListInput | undefined;
  onSelect: (ids: Iterable<string>) => void;
}

export function BulkBar({ selected, total, minimum, input, onSelect }: BulkBarProps) {
  const { actions } = useSession();
  const groups = useRefusal("groups.write");
  const labels = useRefusal("devices.write");
  const toasts = useToasts();
  const [doing, setDoing] = useState<BulkChoice | "label" | "group">();
  const [gathering, setGathering] = useState(false);
  const ids = [...selected].sort();
  const close = () => setDoing(undefined);
  const why = (needs: Action) => (actions.has(needs) ? undefined : "Your role does not include this.");

  async function all() {
    if (!input) return;
    setGathering(true);
    try {
      onSelect(await listIds(input));
    } catch (error) {
      toasts.failed("Could not select them", explain(error).detail);
    }
    setGathering(false);
  }

  return (
    <div className={styles.bar} role="region" aria-label="Selected devices">
      <strong role="status">{formatCount(ids.length)} selected</strong>
      {ids.length < Math.min(total, mostActedOn) && (
        <Button size="small" kind="quiet" busy={gathering} onClick={all}>
          Select {minimum || total > mostActedOn ? `the first ${formatCount(mostActedOn)}` : `all ${formatCount(total)}`} that match
        </Button>
      )}
      <Button size="small" kind="quiet" onClick={() => onSelect([])}>
        Clear
      </Button>
      <span className={styles.actions}>
        <Button size="small" icon="list" disabledReason={labels} onClick={() => setDoing("label")}>
          Label
        </Button>
        <Button size="small" icon="store" disabledReason={groups} onClick={() => setDoing("group")}>
          Add to group
        </Button>
        {bulkChoices.map((choice) => (
          <Button key={choice.label} size="small" icon={choice.icon} kind={choice.typed && choice.action !== BulkAction.SUSPEND ? "danger" : "secondary"} disabledReason={why(choice.needs)} onClick={() => setDoing(choice)}>
            {choice.label}
          </Button>
        ))}
      </span>
      {typeof doing === "object" && <ActDialog choice={doing} deviceIds={ids} onClose={close} />}
      {doing === "label" && <LabelDialog deviceIds={ids} onClose={close} />}
      {doing === "group" && <GroupDialog deviceIds={ids} onClose={close} />}
    </div>
  );
}
