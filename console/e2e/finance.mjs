/**
 * The journey of who looks after the money: sees the month, sets a budget, changes the plan after seeing the bill, and finds that bill in the
 * invoice when the month has ended; sees no machine. Then a viewer's, who sees no money.
 * Usage: node e2e/finance.mjs --base URL --people FILE --clock FILE [--screenshots DIR] [--timeout SECONDS]
 * FILE of people: {"finance": {"email", "password"}, "viewer": {…}}; FILE of the clock: the billing clock of the installation.
 * Exit codes: 0 done, 1 failed, 2 usage, 3 unreachable.
 */
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { violations } from "./accessibility.mjs";
import { launch, listenForErrors } from "./browser.mjs";

const { values: args } = parseArgs({
  options: { base: { type: "string" }, people: { type: "string" }, clock: { type: "string" }, screenshots: { type: "string" }, timeout: { type: "string", default: "30" } },
});
if (!args.base || !args.people || !args.clock) {
  console.error("finance: give --base URL, --people FILE and --clock FILE");
  process.exit(2);
}
const base = args.base.replace(/\/+$/, "");
const timeout = Number(args.timeout) * 1000;
const people = JSON.parse(await readFile(args.people, "utf8"));
try {
  await fetch(base, { signal: AbortSignal.timeout(10_000) });
} catch (error) {
  console.error(`finance: ${base} does not answer: ${error.cause?.message ?? error.message}`);
  process.exit(3);
}
if (args.screenshots) await mkdir(args.screenshots, { recursive: true });

/** Services that speak of machines, and those that speak of money. */
const machines = /millwright\.(device|devicetype|group|facility|job|deadletter|certificate|pipeline)\.v1\.|TelemetryService\/(?!AttributeUsage$)/;
const money = /millwright\.(invoice|subscription|budget|payment)\.v1\./;

const browser = await launch();
let page, errors, asked;
let code = 0;
try {
  await as(people.finance);
  await step("sign in and begin at the money", beginAtTheMoney);
  await step("be refused every machine", refusedMachines);
  await step("read the month", readMonth);
  await step("set a budget", setBudget);
  const preview = await step("see the bill of another plan", previewPlan);
  await step("change to it", changePlan);
  await step("end the month", endMonth);
  await step("find the bill in the invoice", () => readInvoice(preview));
  await step("take it as a file", exportInvoice);
  settle(machines, "finance");
  await as(people.viewer);
  await step("see no money as a viewer", viewerSeesNone);
  settle(money, "a viewer");
  console.log("finance: done");
} catch (error) {
  code = 1;
  console.error(`finance: ${error.message}`);
  for (const line of errors ?? []) console.error(`  console: ${line}`);
  if (args.screenshots && page) await page.screenshot({ path: join(args.screenshots, "failed.png") });
}
await browser.close();
process.exit(code);

async function step(name, run) {
  const from = Date.now();
  try {
    const result = await run();
    console.log(`ok   ${name} (${Date.now() - from} ms)`);
    return result;
  } catch (error) {
    throw new Error(`could not ${name}: ${error.message}`, { cause: error });
  }
}

/** Begins anew as somebody, in a browser of their own. */
async function as({ email, password }) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, acceptDownloads: true });
  page = await context.newPage();
  page.setDefaultTimeout(timeout);
  errors = listenForErrors(page);
  asked = [];
  page.on("request", (request) => asked.push(new URL(request.url()).pathname));
  await page.goto(`${base}/sign-in`);
  await page.getByLabel("E-mail address").fill(email);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("navigation", { name: "Main" }).first().waitFor();
}

/** At the end of somebody's journey: no page asked for what they may not see, and the browser complains of nothing. */
function settle(forbidden, who) {
  const reached = asked.filter((path) => forbidden.test(path));
  if (reached.length > 0) throw new Error(`the pages of ${who} ask for ${[...new Set(reached)].join(", ")}`);
  const told = errors.filter((line) => !line.includes("/identity/sessions/whoami"));
  if (told.length > 0) throw new Error(`the browser's console has errors:\n  ${told.join("\n  ")}`);
}

async function look(name) {
  const found = await violations(page);
  if (found.length > 0) throw new Error(`accessibility of ${name}: ${found.join("; ")}`);
  if (args.screenshots) await page.screenshot({ path: join(args.screenshots, `${name}.png`), fullPage: true });
}

async function navigation() {
  return page.getByRole("navigation", { name: "Main" }).first().getByRole("link").allInnerTexts();
}

function same(what, got, want) {
  if (JSON.stringify(got) !== JSON.stringify(want)) throw new Error(`${what}: ${JSON.stringify(got)}, want ${JSON.stringify(want)}`);
}

async function beginAtTheMoney() {
  await page.waitForURL("**/bill");
  same("the navigation", (await navigation()).map((t) => t.trim()), ["Usage", "Billing", "Settings"]);
}

/** What the server says to this session, apart from the page: nothing of it counts as the page's own. */
async function status(procedure) {
  return (await post(`${base}/${procedure}`, {})).status();
}

function post(url, data, headers = {}) {
  return page.context().request.post(url, { data, headers: { "Content-Type": "application/json", ...headers } });
}

async function refusedMachines() {
  for (const procedure of ["millwright.device.v1.DeviceService/List", "millwright.group.v1.GroupService/List", "millwright.facility.v1.FacilityService/List"]) {
    same(procedure, await status(procedure), 403);
  }
  // The cell lets finance in, for the usage of facilities, and tells nothing of a device.
  const { token, cellUrl } = await (await post(`${base}/millwright.tenant.v1.TenantService/IssueCellToken`, {})).json();
  const range = { start: "2026-11-01T00:00:00Z", end: "2026-12-01T00:00:00Z" };
  const refused = { UsageByDevice: range, Latest: {}, Query: { deviceId: "press" }, Rollup: {}, GetStoreAccess: {} };
  for (const [method, data] of Object.entries(refused)) {
    const answer = await post(`${cellUrl}/millwright.telemetry.v1.TelemetryService/${method}`, data, { Authorization: `Bearer ${token}` });
    same(method, answer.status(), 403);
  }
}

async function readMonth() {
  await page.getByText("So far", { exact: true }).waitFor();
  await page.getByText("At this pace", { exact: true }).first().waitFor();
  await page.getByRole("heading", { name: "By day" }).waitFor();
  await page.getByRole("row", { name: /To pay/ }).waitFor();
  await page.getByRole("region", { name: "By facility" }).getByRole("row", { name: /Before tax and credits/ }).waitFor();
  await look("1-month");
}

async function setBudget() {
  await billing("Budget");
  await page.getByLabel(/Amount a month/).fill("12000");
  await page.getByLabel("Tell when this much is spent").fill("0");
  await page.getByRole("button", { name: "Set budget" }).click();
  await page.getByText("Whole per cents from 1 to 1000").waitFor();
  await page.getByLabel("Tell when this much is spent").fill("50, 100");
  await page.getByRole("button", { name: "Set budget" }).click();
  await page.getByRole("progressbar", { name: "Budget spent" }).waitFor();
  await look("2-budget");
}

async function billing(tab) {
  await page.getByRole("navigation", { name: "Billing" }).getByRole("link", { name: tab, exact: true }).click();
}

/** Opens the preview of the largest plan; returns what this month's bill comes to with it. */
async function previewPlan() {
  await billing("Plan");
  await look("3-plans");
  await page.getByRole("region", { name: "Plan Enterprise" }).getByRole("button", { name: /See the bill/ }).click();
  const dialog = page.getByRole("dialog");
  const row = dialog.getByRole("row", { name: /This month so far/ });
  const [before, after] = [await row.getByRole("cell").nth(1).innerText(), await row.getByRole("cell").nth(2).innerText()];
  if (before === after) throw new Error(`the change costs nothing: ${before}`);
  await dialog.getByText("line by line").click();
  await dialog.getByRole("row", { name: /Plan Enterprise/ }).waitFor();
  await look("4-preview");
  return after;
}

async function changePlan() {
  await page.getByRole("dialog").getByRole("button", { name: "Change to Enterprise" }).click();
  await page.getByRole("region", { name: "Plan Enterprise" }).getByText("yours").waitFor();
  await look("5-plan");
}

/** Puts the billing clock three days into the next month: beyond the grace for late usage. */
async function endMonth() {
  const now = new Date((await readFile(args.clock, "utf8")).trim());
  const then = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1, 4));
  await writeFile(`${args.clock}.new`, `${then.toISOString()}\n`);
  await rename(`${args.clock}.new`, args.clock);
}

async function readInvoice(preview) {
  await billing("Invoices");
  const row = page.locator("tbody tr").first();
  for (const end = Date.now() + timeout * 4; (await row.count()) === 0; ) {
    if (Date.now() > end) throw new Error("no invoice came");
    await page.waitForTimeout(2000);
    await page.reload();
    await page.getByRole("heading", { name: "Invoices" }).waitFor();
  }
  await look("6-invoices");
  await row.getByRole("link").click();
  await page.getByRole("heading", { name: /^Invoice 20/ }).waitFor();
  const total = await page.getByRole("row", { name: /To pay/ }).getByRole("cell").last().innerText();
  same("the invoice after the preview", total, preview);
  await page.getByRole("button", { name: "Events", exact: true }).first().click();
  await page.getByRole("heading", { name: "Events, day by day" }).waitFor();
  await page.locator("#line-usage tbody button").first().click();
  await page.locator("#line-usage tbody tr").nth(1).waitFor();
  if ((await page.getByRole("link", { name: "the devices that sent them" }).count()) > 0) throw new Error("the invoice leads to machines");
  await look("7-invoice");
}

async function exportInvoice() {
  const begins = { PDF: /^%PDF-/, CSV: /,/, JSON: /^\s*\{/ };
  for (const [form, pattern] of Object.entries(begins)) {
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: `Download as ${form}` }).click()]);
    const text = await readFile(await download.path(), "latin1");
    if (!pattern.test(text)) throw new Error(`the ${form} begins with ${text.slice(0, 20)}`);
  }
}

async function viewerSeesNone() {
  await page.waitForURL("**/fleet");
  if ((await navigation()).some((text) => /billing/i.test(text))) throw new Error("the navigation leads to money");
  for (const procedure of [
    "millwright.invoice.v1.InvoiceService/GetDraft", "millwright.invoice.v1.InvoiceService/List", "millwright.subscription.v1.SubscriptionService/Get",
    "millwright.budget.v1.BudgetService/Get", "millwright.payment.v1.PaymentService/GetStatus",
  ]) {
    same(procedure, await status(procedure), 403);
  }
  await page.getByRole("navigation", { name: "Main" }).first().getByRole("link", { name: "Usage" }).click();
  await page.getByText("Events today").waitFor();
  if ((await page.getByRole("link", { name: "What it costs" }).count()) > 0) throw new Error("the usage page leads to money");
  await page.goto(`${base}/bill/invoices`);
  await page.getByText("Ask an admin for this").waitFor();
  if (/[€$£]\s?\d/.test(await page.locator("body").innerText())) throw new Error("a viewer reads an amount of money");
  await look("8-viewer");
}
