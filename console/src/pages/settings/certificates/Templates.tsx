/** Templates: what devices become when they first enrol. */
import { useState } from "react";
import { useDeleteTemplate, useTemplates, type Template } from "../../../api/certificate";
import { explain } from "../../../api/errors";
import { TemplateForm } from "../../../forms/TemplateForm";
import { useRefusal } from "../../../hooks/useSession";
import { ActionCell } from "../../../ui/ActionCell";
import { Button } from "../../../ui/Button";
import { Confirm, Dialog } from "../../../ui/Dialog";
import { Panel } from "../../../ui/Panel";
import { Empty, ErrorPanel, SkeletonRows } from "../../../ui/States";
import table from "../../../ui/Table.module.css";
import { useToasts } from "../../../ui/Toasts";

export function Templates() {
  const { data, error, refetch } = useTemplates();
  const [making, setMaking] = useState(false);
  const [ending, setEnding] = useState<Template>();
  const remove = useDeleteTemplate();
  const toasts = useToasts();
  const refusal = useRefusal("provisioning.write");
  const create = (
    <Button kind="primary" icon="plus" disabledReason={refusal} onClick={() => setMaking(true)}>
      New template
    </Button>
  );

  async function end() {
    if (!ending) return;
    try {
      await remove.mutateAsync({ templateId: ending.templateId });
      toasts.done(`The template ${ending.name} is gone`);
    } catch (failure) {
      toasts.failed("Could not delete it", explain(failure).detail);
    }
    setEnding(undefined);
  }

  return (
    <Panel title="Provisioning templates" note="Type, place and names of devices that enrol by themselves." actions={data && data.templates.length > 0 && create} flush>
      {error && <ErrorPanel {...explain(error)} onRetry={refetch} />}
      {!data && !error && <SkeletonRows rows={2} />}
      {data?.templates.length === 0 && (
        <Empty icon="list" title="No templates yet" action={create}>
          With a template and a claim token, a whole delivery of devices enrols itself: each makes its own key, and no key travels.
        </Empty>
      )}
      {data && data.templates.length > 0 && (
        <table className={table.table}>
          <thead>
            <tr>
              <th scope="col">Template</th>
              <th scope="col">Device ids</th>
              <th scope="col">Becomes</th>
              <th scope="col">Made</th>
              <th scope="col">
                <span className="visually-hidden">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {data.templates.map((t) => (
              <tr key={t.templateId}>
                <td data-lead>{t.name}</td>
                <td data-label="Device ids">
                  <code>{t.idPattern}</code>
                </td>
                <td data-label="Becomes">{[t.deviceType, t.location?.facility, t.location?.line, t.location?.station].filter(Boolean).join(" · ")}</td>
                <td data-label="Made" className={table.muted}>
                  {t.devices} of {t.maxDevices}
                </td>
                <ActionCell>
                  <Button size="small" kind="quiet" icon="trash" disabledReason={refusal} onClick={() => setEnding(t)}>
                    Delete
                  </Button>
                </ActionCell>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <Dialog title="New provisioning template" open={making} onClose={() => setMaking(false)}>
        <TemplateForm onDone={() => setMaking(false)} />
      </Dialog>
      <Confirm title={`Delete ${ending?.name ?? ""}?`} open={ending !== undefined} onClose={() => setEnding(undefined)} onConfirm={end} confirm="Delete template" busy={remove.isPending}>
        Its claim tokens end with it. Devices that it made stay as they are.
      </Confirm>
    </Panel>
  );
}
