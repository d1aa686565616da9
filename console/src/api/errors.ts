/** Turns whatever a call failed with into words for people: the one place that does. */
import { Code, ConnectError } from "@connectrpc/connect";

export interface Explanation {
  title: string;
  detail: string;
  /** Whether trying the same again may help. */
  retry: boolean;
  code: Code | undefined;
}

const titles: Partial<Record<Code, string>> = {
  [Code.NotFound]: "Not found",
  [Code.PermissionDenied]: "Not allowed",
  [Code.Unauthenticated]: "Signed out",
  [Code.ResourceExhausted]: "Limit reached",
  [Code.AlreadyExists]: "Already exists",
  [Code.InvalidArgument]: "Not accepted",
  [Code.FailedPrecondition]: "Not possible now",
  [Code.DeadlineExceeded]: "No answer in time",
  [Code.Unavailable]: "Not reachable",
};
const retryable = new Set([Code.Unavailable, Code.DeadlineExceeded, Code.Internal, Code.Unknown, Code.Aborted, Code.ResourceExhausted]);

export function explain(error: unknown): Explanation {
  if (error instanceof TypeError) return unreachable;
  const failure = ConnectError.from(error);
  if (failure.code === Code.Unknown && failure.cause instanceof TypeError) return unreachable;
  return {
    title: titles[failure.code] ?? "Something went wrong",
    detail: sentence(failure.rawMessage),
    retry: retryable.has(failure.code),
    code: failure.code,
  };
}

/** Whether a failed query should be tried again by itself. */
export function mayRetry(count: number, error: unknown): boolean {
  return count < 2 && explain(error).retry;
}

const unreachable: Explanation = {
  title: "Not reachable",
  detail: "The server did not answer. Check the connection, then try again.",
  retry: true,
  code: Code.Unavailable,
};

/** Upper-case first letter and a full stop, since servers write error sentences in lower case without one. */
export function sentence(text: string): string {
  const trimmed = text.trim();
  if (trimmed === "") return "The server gave no reason.";
  const start = trimmed.charAt(0).toUpperCase() + trimmed.slice(1);
  return /[.!?]$/.test(start) ? start : `${start}.`;
}
