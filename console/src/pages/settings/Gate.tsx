/** Shows a page of the settings to those who may, and says to the others whom to ask. */
import type { ReactNode } from "react";
import { useRefusal, type Permission } from "../../hooks/useSession";
import { Panel } from "../../ui/Panel";
import { Empty } from "../../ui/States";

export function Gate({ permission, children }: { permission: Permission; children: ReactNode }) {
  const refusal = useRefusal(permission);
  if (!refusal) return children;
  return (
    <Panel>
      <Empty icon="people" title="Ask an admin for this">
        {refusal}
      </Empty>
    </Panel>
  );
}
