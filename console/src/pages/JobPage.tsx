/** One job: how far it is, what failed and why, and what it made for whoever began it. */
import { useState } from "react";
import { useParams } from "react-router";
import { explain } from "../api/errors";
import { jobErrors, running, takeCredentials, useCancelJob, useJob, useJobErrors, type Job } from "../api/job";
import { formatCount } from "../format/number";
import { formatDateTime, formatUntil, millis } from "../format/time";
import { useNow } from "../hooks/useNow";
import { useSession } from "../hooks/useSession";
import { useTitle } from "../hooks/useTitle";
import { paths } from "../paths";
import { BackLink } from "../ui/BackLink";
import { Button, buttonClass } from "../ui/Button";
import { Confirm } from "../ui/Dialog";
import { Icon } from "../ui/Icon";
import { Page } from "../ui/Page";
import { Panel } from "../ui/Panel";
import { ErrorPanel, Notice, SkeletonRows } from "../ui/States";
import { useToasts } from "../ui/Toasts";
import { ErrorTable } from "./jobs/ErrorTable";
import { JobBadge, Progress } from "./jobs/Progress";

export default function JobPage() {
  const { job: id = "" } = useParams();
  const { data, error, refetch } = useJob(id);
  const job = data?.job;
  useTitle(job?.title ?? "Job");
  return (
    <Page
      title={job?.title ?? "Job"}
      note={job && `Begun by ${job.owner} on ${formatDateTime(millis(job.createdAt) ?? 0)}`}
      above={<BackLink to={paths.jobs()}>Jobs</BackLink>}
      actions={job && running(job) && <Cancel job={job} />}
    >
      {error && <ErrorPanel {...explain(error)} onRetry={refetch} />}
      {!job && !error && (
        <Panel>
          <SkeletonRows rows={3} />
        </Panel>
      )}
      {job && <Loaded job={job} />}
    </Page>
  );
}

function Loaded({ job }: { job: Job }) {
  return (
    <>
      <Panel title="Progress" actions={<JobBadge job={job} />}>
        <Progress job={job} words />
        {job.trouble && (
          <Notice tone="brass" icon="warning">
            It waits, and tries again by itself: {job.trouble}
          </Notice>
        )}
      </Panel>
      {job.credentialsUntil && <Credentials job={job} />}
      {job.failed > 0 && <Failed job={job} />}
    </>
  );
}

function Credentials({ job }: { job: Job }) {
  const { email } = useSession();
  const now = useNow(60_000);
  const toasts = useToasts();
  const [busy, setBusy] = useState(false);
  async function take() {
    setBusy(true);
    try {
      await takeCredentials(job.jobId);
      toasts.done("The credentials are saved", "They are gone from the server now.");
    } catch (failure) {
      toasts.failed("Could not take the credentials", failure instanceof Error ? failure.message : String(failure));
    }
    setBusy(false);
  }
  return (
    <Panel
      title="Certificates and keys"
      note={`A folder for each device. They can be taken once, ${formatUntil(millis(job.credentialsUntil) ?? 0, now)} at the latest; after that, issue new certificates.`}
      actions={
        <Button kind="primary" icon="download" busy={busy} onClick={take} disabledReason={job.owner === email ? undefined : `They are for ${job.owner}, who began the job.`}>
          Download credentials
        </Button>
      }
    >
      <Notice tone="brass" icon="warning">
        The archive holds private keys. Keep it as you would keep the devices themselves, and delete it when they have their keys.
      </Notice>
    </Panel>
  );
}

function Failed({ job }: { job: Job }) {
  const { data, error, refetch } = useJobErrors(job.jobId, job.failed);
  return (
    <Panel
      title="What failed"
      note={data && job.failed > data.errors.length ? `The first ${formatCount(data.errors.length)} of ${formatCount(job.failed)}.` : undefined}
      actions={
        <a className={buttonClass()} href={jobErrors(job.jobId)} download>
          <Icon name="download" size={18} /> As CSV
        </a>
      }
      flush
    >
      {error && <ErrorPanel {...explain(error)} onRetry={refetch} />}
      {!data && !error && <SkeletonRows rows={3} />}
      {data && <ErrorTable errors={data.errors} head={job.kind === "device.import" ? "Line" : "Item"} />}
    </Panel>
  );
}

function Cancel({ job }: { job: Job }) {
  const [asking, setAsking] = useState(false);
  const cancel = useCancelJob();
  const toasts = useToasts();
  async function end() {
    try {
      await cancel.mutateAsync({ jobId: job.jobId });
      toasts.done("The job is cancelled", "What was done stays done.");
    } catch (failure) {
      toasts.failed("Could not cancel it", explain(failure).detail);
    }
    setAsking(false);
  }
  return (
    <>
      <Button kind="danger" icon="close" onClick={() => setAsking(true)}>
        Cancel job
      </Button>
      <Confirm title="Cancel this job?" open={asking} onClose={() => setAsking(false)} onConfirm={end} confirm="Cancel job" busy={cancel.isPending}>
        {formatCount(job.done)} of {formatCount(job.total)} are done and stay so; the rest is left alone.
      </Confirm>
    </>
  );
}
