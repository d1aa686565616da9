/** One flow of the identity server: begin it, read it, submit it. */
import { flowProblems, type Flow, type FlowProblems } from "./flow";

export type FlowKind = "login" | "registration" | "verification" | "recovery" | "settings";

export type SubmitResult = { ok: true; flow: Flow } | { ok: false; problems: FlowProblems };

export const base = "/identity";
export const accept = { Accept: "application/json" };

let left: Promise<void> = Promise.resolve();
export const leaving = () => left;
export function setLeaving(promise: Promise<void>) {
  left = promise;
}

interface SubmitOptions {
  /** A flow that was begun before, e.g. by an e-mail. */
  flowId?: string | undefined;
  /** Of the address that begins a flow. */
  query?: string;
}

/** Begins a flow. An error is in the flow itself. */
export async function begin(kind: FlowKind, query = ""): Promise<Flow> {
  return (await readJson(await fetch(`${base}/self-service/${kind}/browser${query}`, { headers: accept, credentials: "include" }))) as Flow;
}

/** Reads a flow that was begun before. */
export async function readFlow(kind: FlowKind, id: string): Promise<Flow> {
  return (await readJson(await fetch(`${base}/self-service/${kind}/flows?id=${encodeURIComponent(id)}`, { headers: accept, credentials: "include" }))) as Flow;
}

/** Submits fields; an expired flow or a stale CSRF token gets one fresh flow. */
export async function submit(kind: FlowKind, fields: Record<string, unknown>, options: SubmitOptions = {}, again = true): Promise<SubmitResult> {
  const flow = options.flowId ? await readFlow(kind, options.flowId) : await begin(kind, options.query);
  if (!flow.ui) {
    if (flow.error?.id === "session_already_available") return { ok: true, flow };
    return { ok: false, problems: flowProblems(flow) };
  }
  const answer = await fetch(`${base}/self-service/${kind}?flow=${encodeURIComponent(flow.id ?? "")}`, {
    method: "POST",
    credentials: "include",
    headers: { ...accept, "Content-Type": "application/json" },
    body: JSON.stringify({ ...fields, csrf_token: csrfToken(flow) }),
  });
  const body = (await readJson(answer)) as Flow;
  if (answer.ok || body.error?.id === "browser_location_change_required") return { ok: true, flow: body };
  if (again && !options.flowId && (answer.status === 410 || body.error?.id === "security_csrf_violation")) return submit(kind, fields, options, false);
  if (body.error?.id === "session_already_available") return { ok: true, flow: body };
  return { ok: false, problems: flowProblems(body) };
}

function csrfToken(flow: Flow): string | undefined {
  const node = flow.ui?.nodes.find((n) => n.attributes.name === "csrf_token");
  return typeof node?.attributes.value === "string" ? node.attributes.value : undefined;
}

export async function readJson(answer: Response): Promise<unknown> {
  try {
    return await answer.json();
  } catch {
    return { error: { message: `the identity server answered ${answer.status}` } };
  }
}
