/** Jobs: work on many devices that goes on by itself, as queries and mutations. */
import { useInfiniteQuery, useMutation, useQuery, createConnectQueryKey } from "@connectrpc/connect-query";
import { JobService, JobState, type Job } from "../gen/millwright/job/v1/job_pb";
import { queryClient } from "./client";
import { control } from "./control";
import { download } from "../bundle/download";

export { JobState, type ItemError, type Job } from "../gen/millwright/job/v1/job_pb";

const { method } = JobService;

export function useJobs() {
  return useInfiniteQuery(method.list, { pageSize: 50, pageToken: "" }, {
    pageParamKey: "pageToken",
    getNextPageParam: (page) => page.nextPageToken || undefined,
    refetchInterval: (query) => (query.state.data?.pages.some((page) => page.jobs.some(running)) ? 1_000 : 15_000),
  });
}

/** A job, asked for anew every second while it runs. */
export const useJob = (jobId: string) => useQuery(method.get, { jobId }, { refetchInterval: (query) => (query.state.data?.job && !running(query.state.data.job) ? false : 1_000) });

const shownErrors = 200;

/** The first errors of a job, asked for anew while more have failed than are here. */
export const useJobErrors = (jobId: string, failed: number) =>
  useQuery(method.listErrors, { jobId, pageSize: shownErrors }, { enabled: failed > 0, refetchInterval: (query) => ((query.state.data?.errors.length ?? 0) < Math.min(failed, shownErrors) ? 1_000 : false) });

export const useCancelJob = () => useMutation(method.cancel, { onSuccess: refreshJobs });

export const running = (job: Job) => job.state === JobState.RUNNING;

/** Where the failed items come as CSV. */
export const jobErrors = (jobId: string) => `/api/v1/jobs/${encodeURIComponent(jobId)}/errors.csv`;

/** Takes the credentials that a job made, once, and hands them to the browser to save. */
export async function takeCredentials(jobId: string): Promise<void> {
  const answer = await fetch(`/api/v1/jobs/${encodeURIComponent(jobId)}/credentials?format=zip`, { method: "POST", credentials: "same-origin" });
  if (!answer.ok) throw new Error(((await answer.json()) as { message?: string }).message ?? answer.statusText);
  download(`credentials-${jobId}.zip`, await answer.blob(), "application/zip");
  await refreshJobs();
}

export function refreshJobs() {
  return queryClient.invalidateQueries({ queryKey: createConnectQueryKey({ schema: JobService, transport: control, cardinality: undefined }) });
}
