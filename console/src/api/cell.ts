/**
 * The transport to the tenant's cell. It lives on another origin and takes a short-lived token, which is asked of the
 * control plane when needed, renewed before it expires, and kept in memory only.
 */
import { Code, ConnectError, createClient, type Interceptor, type Transport } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-web";
import { TenantService } from "../gen/millwright/tenant/v1/tenant_pb";
import { millis } from "../format/time";
import { control } from "./control";
import { renewalTime } from "./renewal";

export interface CellSession {
  token: string;
  url: string;
  renewAt: number;
}

let pending: Promise<CellSession> | undefined;
let held: CellSession | undefined;
const transports = new Map<string, Transport>();

/** A token that is good for a while yet. Calls at the same time share one request. */
export async function cellSession(): Promise<CellSession> {
  if (held && Date.now() < held.renewAt) return held;
  pending ??= issue().finally(() => {
    pending = undefined;
  });
  return pending;
}

/** Drops the token: after signing out, after switching tenant, or when the cell refused it. */
export function forgetCellSession() {
  held = undefined;
  pending = undefined;
}

async function issue(): Promise<CellSession> {
  const answer = await createClient(TenantService, control).issueCellToken({});
  const now = Date.now();
  const url = answer.cellUrl.replace(/\/+$/, "");
  held = { token: answer.token, url, renewAt: renewalTime(now, millis(answer.expiresAt)) };
  return held;
}

const authorize: Interceptor = (next) => async (request) => {
  const { token } = await cellSession();
  request.header.set("Authorization", `Bearer ${token}`);
  return next(request);
};

function transportTo(url: string): Transport {
  let transport = transports.get(url);
  if (!transport) {
    transport = createConnectTransport({ baseUrl: url, interceptors: [authorize], useHttpGet: false });
    transports.set(url, transport);
  }
  return transport;
}

/** Calls, and calls once more with a fresh token when the cell did not accept the held one. */
async function withSession<T>(call: (transport: Transport) => Promise<T>): Promise<T> {
  const session = await cellSession();
  try {
    return await call(transportTo(session.url));
  } catch (error) {
    if (ConnectError.from(error).code !== Code.Unauthenticated) throw error;
    forgetCellSession();
    return call(transportTo((await cellSession()).url));
  }
}

export const cell: Transport = {
  unary: (method, signal, timeoutMs, header, input, values) =>
    withSession((to) => to.unary(method, signal, timeoutMs ?? 30_000, header, input, values)),
  stream: (method, signal, timeoutMs, header, input, values) =>
    withSession((to) => to.stream(method, signal, timeoutMs, header, input, values)),
};
