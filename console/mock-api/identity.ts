/** The identity server's browser flows, as far as the console uses them, in its own words. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { accounts, newId, sessions, tenants, type Session } from "./world";

const flows = new Map<string, "login" | "registration">();
const cookieName = "mock_session";

export function sessionOf(cookie: string | null | undefined): Session | undefined {
  const id = cookie?.split(/;\s*/).find((c) => c.startsWith(`${cookieName}=`))?.slice(cookieName.length + 1);
  return id ? sessions.get(id) : undefined;
}

/** Answers a request below /identity/. */
export async function serveIdentity(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? "/", "http://mock");
  const path = url.pathname.replace(/^\/identity/, "");
  const session = sessionOf(request.headers.cookie);
  const start = /^\/self-service\/(login|registration)\/browser$/.exec(path);
  const submit = /^\/self-service\/(login|registration)$/.exec(path);
  if (path === "/sessions/whoami") {
    if (!session) return send(response, 401, { error: { code: 401, message: "The request could not be authorized", reason: "No valid session cookie found." } });
    return send(response, 200, { active: true, identity: { traits: { email: session.email } } });
  }
  if (start) {
    if (session) return send(response, 400, { error: { id: "session_already_available", message: "A valid session was detected." } });
    const id = newId("flow");
    flows.set(id, start[1] as "login");
    return send(response, 200, flow(id, []));
  }
  if (submit && request.method === "POST") return submitFlow(url.searchParams.get("flow") ?? "", await body(request), response);
  if (path === "/self-service/logout/browser") {
    if (!session) return send(response, 401, { error: { message: "No active session was found in this request." } });
    return send(response, 200, { logout_token: "token", logout_url: "/identity/self-service/logout?token=token" });
  }
  if (path === "/self-service/logout") {
    response.setHeader("Set-Cookie", `${cookieName}=; Path=/; Max-Age=0`);
    return send(response, 204, undefined);
  }
  return send(response, 404, { error: { message: "Not found" } });
}

interface Submission {
  identifier?: string;
  traits?: { email?: string };
  password?: string;
}

function submitFlow(id: string, given: Submission, response: ServerResponse) {
  const kind = flows.get(id);
  if (!kind) return send(response, 410, { error: { id: "self_service_flow_expired", message: "The flow expired.", use_flow_id: newId() } });
  const email = (given.identifier ?? given.traits?.email ?? "").trim().toLowerCase();
  const password = given.password ?? "";
  if (kind === "login") {
    if (accounts.get(email) !== password) {
      return send(response, 400, flow(id, [], { id: 4000006, type: "error", text: "The provided credentials are invalid, check for spelling mistakes in your password or username, email address, or phone number." }));
    }
    return signIn(email, response);
  }
  if (!/^[^@\s]+@[^@\s]+$/.test(email)) return send(response, 400, flow(id, [{ name: "traits.email", text: `"${email}" is not valid "email"` }]));
  if (password.length < 8) return send(response, 400, flow(id, [{ name: "password", text: `The password must be at least 8 characters long, but got ${password.length}.` }]));
  if (accounts.has(email)) return send(response, 400, flow(id, [], { id: 4000007, type: "error", text: "An account with the same identifier (email, phone, username, ...) exists already." }));
  accounts.set(email, password);
  return signIn(email, response);
}

function signIn(email: string, response: ServerResponse) {
  const id = newId("s");
  const own = [...tenants.values()].filter((t) => t.members.has(email));
  sessions.set(id, { email, tenantId: own.length > 0 ? own[0]!.tenant.tenantId : undefined });
  response.setHeader("Set-Cookie", `${cookieName}=${id}; Path=/; HttpOnly; SameSite=Lax`);
  return send(response, 200, { session: { active: true } });
}

function flow(id: string, complaints: Array<{ name: string; text: string }>, general?: object) {
  const messages = (name: string) => complaints.filter((c) => c.name === name).map((c) => ({ id: 4000001, type: "error", text: c.text }));
  const node = (name: string, value?: string) => ({ type: "input", group: "default", attributes: { name, value }, messages: messages(name) });
  return { id, ui: { action: `/identity/?flow=${id}`, method: "POST", messages: general ? [general] : [], nodes: [node("csrf_token", "mock"), node("traits.email"), node("password")] } };
}

async function body(request: IncomingMessage): Promise<Submission> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return JSON.parse(Buffer.concat(chunks).toString() || "{}") as Submission;
}

function send(response: ServerResponse, status: number, value: unknown) {
  response.statusCode = status;
  response.setHeader("Content-Type", "application/json");
  response.end(value === undefined ? undefined : JSON.stringify(value));
}
