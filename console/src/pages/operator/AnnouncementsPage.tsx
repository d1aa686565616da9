/** Operations: what everybody sees above every page. */
import { useState, type FormEvent } from "react";
import { explain } from "../../api/errors";
import { Severity, useAnnounce, useAnnouncements, useWithdraw } from "../../api/platform";
import form from "../../forms/form.module.css";
import { formatDateTime, millis } from "../../format/time";
import { ActionCell } from "../../ui/ActionCell";
import { Badge } from "../../ui/Badge";
import { Button } from "../../ui/Button";
import { SelectField, TextField } from "../../ui/Field";
import { Panel } from "../../ui/Panel";
import { Empty, ErrorPanel, Notice, SkeletonRows } from "../../ui/States";
import table from "../../ui/Table.module.css";
import { useToasts } from "../../ui/Toasts";

export default function AnnouncementsPage() {
  const { data, error, refetch } = useAnnouncements();
  const withdraw = useWithdraw();
  const toasts = useToasts();

  async function take(announcementId: string) {
    try {
      await withdraw.mutateAsync({ announcementId });
      toasts.done("Nobody sees it any more");
    } catch (failure) {
      toasts.failed("Could not withdraw it", explain(failure).detail);
    }
  }

  return (
    <>
      <Panel title="Say something to everybody" note="It stands above every page of the console, within a minute.">
        <AnnouncementForm />
      </Panel>
      <Panel title="Shown now" flush>
        {error && <ErrorPanel {...explain(error)} onRetry={refetch} />}
        {!data && !error && <SkeletonRows rows={2} />}
        {data?.announcements.length === 0 && (
          <Empty icon="info" title="Nothing is announced" compact>
            Maintenance, incidents and news of the platform belong here.
          </Empty>
        )}
        {data && data.announcements.length > 0 && (
          <table className={table.table}>
            <thead>
              <tr>
                {["Text", "Kind", "Ends", "By"].map((heading) => (
                  <th key={heading} scope="col">
                    {heading}
                  </th>
                ))}
                <th scope="col">
                  <span className="visually-hidden">Actions</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {data.announcements.map((a) => (
                <tr key={a.announcementId}>
                  <td data-lead>{a.text}</td>
                  <td data-label="Kind">{a.severity === Severity.WARNING ? <Badge tone="brass">warning</Badge> : <Badge>news</Badge>}</td>
                  <td data-label="Ends">{a.endsAt ? formatDateTime(millis(a.endsAt) ?? 0) : "when withdrawn"}</td>
                  <td data-label="By" className={table.muted}>
                    {a.createdBy}
                  </td>
                  <ActionCell>
                    <Button size="small" kind="quiet" onClick={() => take(a.announcementId)}>
                      Withdraw
                    </Button>
                  </ActionCell>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </Panel>
    </>
  );
}

function AnnouncementForm() {
  const [text, setText] = useState("");
  const [severity, setSeverity] = useState(Severity.INFO);
  const announce = useAnnounce();

  async function send(event: FormEvent) {
    event.preventDefault();
    try {
      await announce.mutateAsync({ text, severity });
      setText("");
    } catch {
      // Shown below from the mutation's own state.
    }
  }

  return (
    <form className={form.form} onSubmit={send}>
      {announce.isError && (
        <Notice tone="rust" icon="warning">
          {explain(announce.error).detail}
        </Notice>
      )}
      <TextField label="Text" required maxLength={500} value={text} onChange={(e) => setText(e.target.value)} />
      <SelectField label="Kind" value={severity} onChange={(e) => setSeverity(Number(e.target.value) as Severity)}>
        <option value={Severity.INFO}>News</option>
        <option value={Severity.WARNING}>Warning</option>
      </SelectField>
      <Button kind="primary" type="submit" busy={announce.isPending}>
        Announce
      </Button>
    </form>
  );
}
