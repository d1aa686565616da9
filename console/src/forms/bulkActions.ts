/** What can be done to many devices at once. */
import { BulkAction } from "../api/bulk";
import type { Action } from "../hooks/useSession";
import type { IconName } from "../ui/Icon";

export interface BulkChoice {
  action: BulkAction;
  label: string;
  icon: IconName;
  needs: Action;
  warning: string;
  /** It does harm: confirmed by typing. */
  typed: boolean;
}

export const bulkChoices: readonly BulkChoice[] = [
  { action: BulkAction.SUSPEND, label: "Suspend", icon: "pause", needs: "devices.operate", warning: "The gateway ends their sessions and refuses them until they are resumed.", typed: true },
  { action: BulkAction.RESUME, label: "Resume", icon: "play", needs: "devices.operate", warning: "The gateway takes what they send again.", typed: false },
  { action: BulkAction.ISSUE_CERTIFICATE, label: "Issue certificates", icon: "certificate", needs: "certificates.write", warning: "Each gets a further certificate and key, which you can download once.", typed: false },
  { action: BulkAction.REVOKE_CERTIFICATES, label: "Revoke certificates", icon: "close", needs: "certificates.write", warning: "They are cut off until each has a new certificate. This cannot be undone.", typed: true },
  { action: BulkAction.RETIRE, label: "Retire", icon: "trash", needs: "devices.write", warning: "They are out of use for good. This cannot be undone.", typed: true },
];
