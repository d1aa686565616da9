/** Above every page: why the organisation is not served, or how far its provisioning is. */
import { Link } from "react-router";
import { StepState, TenantStatus, type Step, type Tenant } from "../api/tenant";
import { formatDate, millis } from "../format/time";
import { paths } from "../paths";
import { Notice } from "../ui/States";
import { Steps, type StepLine } from "../ui/Steps";
import styles from "./AppLayout.module.css";

const states: Record<StepState, StepLine["state"]> = {
  [StepState.UNSPECIFIED]: "waiting",
  [StepState.WAITING]: "waiting",
  [StepState.RUNNING]: "running",
  [StepState.DONE]: "done",
};

const lines = (steps: Step[], task: string): StepLine[] =>
  steps.filter((step) => step.task === task).map((step) => ({ name: step.name, title: step.title, state: states[step.state], detail: step.detail }));

export function TenantBanner({ tenant }: { tenant: Tenant }) {
  const notice = noticeOf(tenant);
  return notice && <div className={styles.banner}>{notice}</div>;
}

function noticeOf(tenant: Tenant) {
  switch (tenant.status) {
    case TenantStatus.PROVISIONING:
      return (
        <Notice icon="refresh">
          <strong>Your organisation is being prepared.</strong> You can add devices meanwhile; telemetry can be read when all is done.
          <Steps label="Preparing the organisation" steps={lines(tenant.steps, "provision")} />
        </Notice>
      );
    case TenantStatus.SUSPENDED:
      return (
        <Notice tone="rust" icon="warning">
          <strong>This organisation is suspended{tenant.suspension ? `: ${tenant.suspension.reason}` : ""}.</strong> Devices, live views and queries are refused with
          this reason. Nothing that was stored is lost, and members, keys and certificates can still be managed. Write to your operator to have it resumed.
        </Notice>
      );
    case TenantStatus.DELETING: {
      const due = millis(tenant.deletion?.dueAt);
      const begun = lines(tenant.steps, "delete").some((step) => step.state !== "waiting");
      return (
        <Notice tone="rust" icon="trash">
          <strong>
            {begun ? "This organisation is being removed." : `This organisation will be removed${due === undefined ? "" : ` on ${formatDate(due)}`}.`}
          </strong>{" "}
          {tenant.deletion?.requestedBy} asked for it. Devices and queries are refused.{" "}
          {begun ? <Steps label="Removing the organisation" steps={lines(tenant.steps, "delete")} /> : <Link to={paths.settings()}>An owner can keep it until then</Link>}
        </Notice>
      );
    }
    default:
      return null;
  }
}
