/** How far a job is: done and failed of all. */
import { JobState, type Job } from "../../api/job";
import { formatCount } from "../../format/number";
import { Badge } from "../../ui/Badge";
import styles from "./Progress.module.css";

export function Progress({ job, words }: { job: Job; words?: boolean }) {
  const share = (n: number) => ({ width: `${(100 * n) / Math.max(job.total, 1)}%`, minWidth: n > 0 ? 4 : 0 }); // one of thousands is seen too
  return (
    <div>
      <div className={styles.bar} role="progressbar" aria-label={job.title} aria-valuemin={0} aria-valuemax={job.total} aria-valuenow={job.done + job.failed}>
        <span className={styles.done} style={share(job.done)} />
        <span className={styles.failed} style={share(job.failed)} />
      </div>
      {words && (
        <p className={styles.words} aria-live="polite">
          {formatCount(job.done)} done, {formatCount(job.failed)} failed, of {formatCount(job.total)}
        </p>
      )}
    </div>
  );
}

export function JobBadge({ job }: { job: Job }) {
  if (job.state === JobState.RUNNING) return <Badge tone={job.trouble ? "brass" : "accent"} pulse={!job.trouble}>{job.trouble ? "waiting" : "running"}</Badge>;
  if (job.state === JobState.CANCELED) return <Badge hollow>cancelled</Badge>;
  return job.failed > 0 ? <Badge tone="brass">done, some failed</Badge> : <Badge tone="accent">done</Badge>;
}
