import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { explain, mayRetry, sentence } from "./errors";
import { flowProblems, nextFlow } from "./flow";
import { renewalTime } from "./renewal";

test("a server's sentence is shown as one", () => {
  expect(explain(new ConnectError("the device id a is taken", Code.AlreadyExists))).toEqual({ title: "Already exists", detail: "The device id a is taken.", retry: false, code: Code.AlreadyExists });
  expect(sentence(" ")).toBe("The server gave no reason.");
});

test("a lost connection is not the server's fault and may be tried again", () => {
  expect(explain(new TypeError("Failed to fetch"))).toMatchObject({ title: "Not reachable", retry: true });
  expect(mayRetry(0, new ConnectError("x", Code.Unavailable))).toBe(true);
  expect(mayRetry(2, new ConnectError("x", Code.Unavailable))).toBe(false);
  expect(mayRetry(0, new ConnectError("x", Code.PermissionDenied))).toBe(false);
});

test("messages of an identity flow go to their fields", () => {
  const problems = flowProblems({
    ui: {
      messages: [{ id: 4000006, type: "error", text: "The provided credentials are invalid." }, { id: 1, type: "info", text: "Hello." }],
      nodes: [
        { attributes: { name: "traits.email" }, messages: [{ id: 1, type: "error", text: "not an e-mail" }] },
        { attributes: { name: "password" }, messages: [{ id: 2, type: "error", text: "too short" }] },
        { attributes: { name: "csrf_token", value: "x" } },
      ],
    },
  });
  expect(problems).toEqual({ general: ["The provided credentials are invalid."], email: ["not an e-mail"], password: ["too short"], code: [] });
});

test("the flow to go on with is told or in the address to go to", () => {
  expect(nextFlow({ continue_with: [{ action: "show_verification_ui", flow: { id: "v" } }] }, "verification")).toBe("v");
  expect(nextFlow({ redirect_browser_to: "http://x/account?flow=s" }, "settings")).toBe("s");
  expect(nextFlow({}, "settings")).toBeUndefined();
});

test("a refusal is never silent", () => {
  expect(flowProblems({}).general).toHaveLength(1);
  expect(flowProblems({ error: { id: "x", message: "no", reason: "because" } }).general).toEqual(["because"]);
});

test("tokens are renewed at three quarters of their life, and never in a tight loop", () => {
  expect(renewalTime(0, 300_000)).toBe(225_000);
  expect(renewalTime(1_000_000, 0)).toBe(1_020_000);
  expect(renewalTime(0, undefined)).toBe(20_000);
});
