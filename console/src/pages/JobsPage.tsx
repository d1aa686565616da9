/** Jobs: what goes on by itself, and what came of it. */
import { Link } from "react-router";
import { explain } from "../api/errors";
import { useJobs } from "../api/job";
import { formatAgo, millis } from "../format/time";
import { useNow } from "../hooks/useNow";
import { useTitle } from "../hooks/useTitle";
import { paths } from "../paths";
import { Button, buttonClass } from "../ui/Button";
import { Icon } from "../ui/Icon";
import { Page } from "../ui/Page";
import { Panel } from "../ui/Panel";
import { Empty, ErrorPanel, SkeletonRows } from "../ui/States";
import table from "../ui/Table.module.css";
import { JobBadge, Progress } from "./jobs/Progress";
import { Gate } from "./settings/Gate";

export default function JobsPage() {
  useTitle("Jobs");
  return (
    <Page title="Jobs" note="Work on many devices, which goes on whether you watch or not." actions={<ImportLink />}>
      <Gate action="jobs.read">
        <Jobs />
      </Gate>
    </Page>
  );
}

function Jobs() {
  const { data, error, refetch, hasNextPage, fetchNextPage, isFetchingNextPage } = useJobs();
  const now = useNow(10_000);
  const jobs = data?.pages.flatMap((page) => page.jobs);
  return (
    <Panel flush>
      {error && <ErrorPanel {...explain(error)} onRetry={refetch} />}
      {!jobs && !error && <SkeletonRows rows={4} />}
      {jobs?.length === 0 && (
        <Empty
          icon="list"
          title="Nothing was begun yet"
          action={<ImportLink />}
        >
          An import, or an action on many devices, becomes a job here: with its progress, and a reason for each device that failed.
        </Empty>
      )}
      {jobs && jobs.length > 0 && (
        <table className={table.table}>
          <thead>
            <tr>
              <th scope="col">Job</th>
              <th scope="col">State</th>
              <th scope="col">Progress</th>
              <th scope="col">Begun by</th>
              <th scope="col">Begun</th>
            </tr>
          </thead>
          <tbody>
            {jobs.map((job) => (
              <tr key={job.jobId}>
                <td data-lead>
                  <Link to={paths.job({ job: job.jobId })}>{job.title}</Link>
                </td>
                <td data-label="State">
                  <JobBadge job={job} />
                </td>
                <td data-label="Progress">
                  <Progress job={job} />
                </td>
                <td data-label="Begun by" className={table.wrap}>
                  {job.owner}
                </td>
                <td data-label="Begun" className={table.muted}>
                  {formatAgo(millis(job.createdAt) ?? 0, now)}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {hasNextPage && (
        <Button kind="quiet" wide busy={isFetchingNextPage} onClick={() => fetchNextPage()}>
          Show older jobs
        </Button>
      )}
    </Panel>
  );
}

function ImportLink() {
  return (
    <Link className={buttonClass("primary")} to={paths.importDevices()}>
      <Icon name="plus" size={18} /> Import devices
    </Link>
  );
}
