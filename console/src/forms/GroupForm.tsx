/** A group, new or as it is: its name, its query, its policy. */
import { useState, type FormEvent } from "react";
import { Code } from "@connectrpc/connect";
import { explain } from "../api/errors";
import { useCreateGroup, useUpdateGroup, type Group } from "../api/group";
import { Button } from "../ui/Button";
import { Segmented } from "../ui/Segmented";
import { TextField } from "../ui/Field";
import { Notice } from "../ui/States";
import { deviceTypeProblem } from "./deviceId";
import { numberError, policyOf, policyText } from "./policy";
import { PolicyFields } from "./PolicyFields";
import { QueryField } from "./QueryField";
import styles from "./form.module.css";

export function GroupForm({ group, onDone, refusal }: { group?: Group; onDone: (groupId: string) => void; refusal?: string | undefined }) {
  const [id, setId] = useState(group?.groupId ?? "");
  const [name, setName] = useState(group?.name ?? "");
  const [kind, setKind] = useState<"query" | "hand">(group && group.query === "" ? "hand" : "query");
  const [query, setQuery] = useState(group?.query ?? "");
  const [policy, setPolicy] = useState(policyText(group?.policy));
  const [tried, setTried] = useState(false);
  const create = useCreateGroup();
  const update = useUpdateGroup();
  const failure = create.error ?? update.error;
  const idError = deviceTypeProblem(id)?.replace("device type", "group id");
  const missing = kind === "query" && query.trim() === "";

  async function send(event: FormEvent) {
    event.preventDefault();
    setTried(true);
    if ((!group && idError) || missing || numberError(policy.payloadBytes) || numberError(policy.eventsPerSecond)) return;
    const wanted = { groupId: id, name: name.trim(), query: kind === "query" ? query : "", policy: policyOf(policy) };
    try {
      if (group) await update.mutateAsync({ ...wanted, version: group.version });
      else await create.mutateAsync(wanted);
      onDone(id);
    } catch {
      // Shown below from the mutation's own state.
    }
  }

  return (
    <form className={styles.form} onSubmit={send} noValidate>
      {failure && (
        <Notice tone="rust" icon="warning">
          {explain(failure).detail}
          {explain(failure).code === Code.Aborted && " Somebody else changed this group: open it again to see their version."}
        </Notice>
      )}
      <div className={styles.row}>
        {!group && <TextField label="Group id" mono value={id} placeholder="north_presses" error={tried ? idError : undefined} hint="Cannot be changed later." onChange={(e) => setId(e.target.value)} />}
        <TextField label="Name" optional value={name} maxLength={80} placeholder="Presses of the north hall" onChange={(e) => setName(e.target.value)} />
      </div>
      {!group && (
        <Segmented
          label="How devices come into the group"
          choices={[
            { value: "query", label: "By a query" },
            { value: "hand", label: "By hand" },
          ]}
          value={kind}
          onChange={setKind}
        />
      )}
      {kind === "query" && <QueryField value={query} onChange={setQuery} />}
      {kind === "query" && tried && missing && <Notice tone="rust" icon="warning">Write a query, or choose “By hand”.</Notice>}
      <PolicyFields value={policy} onChange={setPolicy} />
      <div className={styles.actions}>
        <Button kind="primary" type="submit" icon="check" busy={create.isPending || update.isPending} disabledReason={refusal}>
          {group ? "Save group" : "Create group"}
        </Button>
      </div>
    </form>
  );
}
