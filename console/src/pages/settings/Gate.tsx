/** Shows a page of the settings to those who may, and says to the others whom to ask. */
import type { ReactNode } from "react";
import { useRefusal, type Action } from "../../hooks/useSession";
import { Panel } from "../../ui/Panel";
import { Empty } from "../../ui/States";

export function Gate({ action, children }: { action: Action; children: ReactNode }) {
  const refusal = useRefusal(action);
  if (!refusal) return children;
  return (
    <Panel>
      <Empty icon="people" title="Ask an admin for this">
        {refusal}
      </Empty>
    </Panel>
  );
}
