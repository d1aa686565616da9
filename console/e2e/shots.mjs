/**
 * Takes pictures of every page and dialog for looking at, on a desk and on a phone, light and dark, against the demo plant of
 * `millwright up`; says which are wider than the screen, and what axe-core finds seriously wrong.
 * Usage: node e2e/shots.mjs --base URL --out DIR [--only NAME,NAME] [--email E --password P] [--themes light] [--sizes phone]
 */
import { mkdir } from "node:fs/promises";
import { parseArgs } from "node:util";
import { violations } from "./accessibility.mjs";
import { launch, listenForErrors } from "./browser.mjs";

const { values: args } = parseArgs({
  options: {
    base: { type: "string", default: "http://127.0.0.1:5173" },
    out: { type: "string", default: "shots" },
    only: { type: "string", default: "" },
    email: { type: "string", default: "demo@acme.example" },
    password: { type: "string", default: "millwright-demo" },
    device: { type: "string", default: "machine_01" },
    themes: { type: "string", default: "light,dark" },
    sizes: { type: "string", default: "desk,phone" },
  },
});
const sizes = { desk: { width: 1440, height: 900 }, phone: { width: 390, height: 844 } };
const device = `/devices/${args.device}`;
/** A path, and what is done there before the picture: buttons pressed by name, in order, and links followed. */
const pages = {
  fleet: { path: "/fleet", top: true },
  "fleet-live": { path: "/fleet?show=live&sort=-type", top: true },
  "fleet-none": { path: "/fleet?q=nothing-here" },
  "fleet-selected": { path: "/fleet", check: 3, top: true },
  "bulk-retire": { path: "/fleet", check: 3, click: ["Retire"], top: true },
  "bulk-label": { path: "/fleet", check: 3, click: ["Label"], top: true },
  "bulk-group": { path: "/fleet", check: 3, click: ["Add to group"], top: true },
  device: { path: device, wait: 4000 },
  history: { path: device, click: ["24 h"], wait: 1500 },
  "device-edit": { path: device, click: ["Edit"] },
  "device-retire": { path: device, click: ["Retire"] },
  "device-enrol": { path: device, click: ["Enrol"] },
  missing: { path: "/devices/nothing-here" },
  add: { path: "/add-device" },
  import: { path: "/import" },
  groups: { path: "/groups" },
  "new-group": { path: "/groups/new" },
  group: { path: "/groups", follow: "main td a" },
  jobs: { path: "/jobs" },
  job: { path: "/jobs", follow: "main td a" },
  letters: { path: "/dead-letters" },
  types: { path: "/device-types" },
  type: { path: "/device-types", follow: "main td a" },
  "new-type": { path: "/device-types", click: ["Create type"] },
  facilities: { path: "/facilities" },
  "new-place": { path: "/facilities", click: ["Add facility"] },
  usage: { path: "/usage" },
  bill: { path: "/bill" },
  invoices: { path: "/bill/invoices" },
  invoice: { path: "/bill/invoices", follow: "main td a" },
  plan: { path: "/bill/plan" },
  "plan-preview": { path: "/bill/plan", click: ["See the bill in Plant"], top: true },
  budget: { path: "/bill/budget" },
  "operator-cells": { path: "/operator" },
  "operator-pipeline": { path: "/operator/pipeline", wait: 3000 },
  "operator-tenants": { path: "/operator/organisations" },
  "operator-revenue": { path: "/operator/revenue" },
  "operator-margins": { path: "/operator/margins" },
  "operator-prices": { path: "/operator/prices" },
  "operator-contracts": { path: "/operator/contracts" },
  "operator-grant": { path: "/operator/contracts", click: ["Grant credit"], top: true },
  "operator-payments": { path: "/operator/payments" },
  "operator-flags": { path: "/operator/flags" },
  "operator-announcements": { path: "/operator/announcements" },
  "operator-audit": { path: "/operator/audit" },
  settings: { path: "/settings" },
  members: { path: "/settings/members" },
  roles: { path: "/settings/roles" },
  "new-role": { path: "/settings/roles", click: ["Create role"] },
  keys: { path: "/settings/keys" },
  "new-key": { path: "/settings/keys", click: ["Create key"] },
  certificates: { path: "/settings/certificates" },
  "new-template": { path: "/settings/certificates", click: ["New template"] },
  "new-token": { path: "/settings/certificates", click: ["New token"] },
  "made-token": { path: "/settings/certificates", click: ["New token", "Create token"] },
  "new-authority": { path: "/settings/certificates", click: ["Register a CA"] },
  audit: { path: "/settings/audit", top: true },
  "audit-entry": { path: "/settings/audit", click: ["More"], top: true },
  limits: { path: "/settings/limits?limit=events_per_second" },
  store: { path: "/settings/data-access" },
  account: { path: "/account" },
  "second-factor": { path: "/account", click: ["Set up a second factor"] },
  organisations: { path: "/organisations" },
  "new-organisation": { path: "/organisations/new" },
  mailbox: { path: "/mailbox" },
  invitation: { path: "/invitation#nonsense" },
  nowhere: { path: "/no-such-page" },
};

await mkdir(args.out, { recursive: true });
const browser = await launch();
let failed = false;
for (const size of args.sizes.split(",")) {
  for (const theme of args.themes.split(",")) {
    const context = await browser.newContext({ viewport: sizes[size], colorScheme: theme, deviceScaleFactor: 1, hasTouch: size === "phone" });
    const page = await context.newPage();
    const errors = listenForErrors(page);
    const shoot = async (name, full = true) => {
      await page.screenshot({ path: `${args.out}/${name}-${size}-${theme}.png`, fullPage: full });
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      if (wide > 0) console.log(`${name}-${size}: ${wide}px wider than the screen`);
      for (const line of await violations(page)) console.log(`${name}-${size}-${theme}: ${line}`);
    };
    const wanted = (name) => args.only === "" || args.only.split(",").includes(name);
    if (wanted("sign-up")) {
      await page.goto(`${args.base}/sign-up`);
      await page.getByRole("button", { name: "Create account" }).click();
      await page.waitForTimeout(300);
      await shoot("sign-up");
    }
    for (const name of ["recovery", "verification"]) {
      if (!wanted(name)) continue;
      await page.goto(`${args.base}/${name}`);
      await page.waitForTimeout(800);
      await shoot(name);
    }
    await page.goto(`${args.base}/sign-in`);
    await page.getByLabel("E-mail address").waitFor();
    if (wanted("sign-in")) await shoot("sign-in");
    await page.getByLabel("E-mail address").fill(args.email);
    await page.getByLabel("Password").fill(args.password);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.waitForURL("**/fleet");
    for (const [name, { path, wait = 1200, click = [], check = 0, follow, top = false }] of Object.entries(pages)) {
      if (!wanted(name)) continue;
      try {
        await page.goto(args.base + path);
        await page.waitForTimeout(wait);
        if (follow) await page.locator(follow).first().click({ timeout: 5000 });
        for (let i = 0; i < check; i++) await page.getByRole("checkbox", { name: /^Select (?!all)/ }).nth(i).check({ timeout: 5000 });
        for (const button of click) await page.getByRole("button", { name: button, exact: true }).last().click({ timeout: 5000 });
        if (click.length > 0 || follow) await page.waitForTimeout(1000);
        await shoot(name, !top && click.length === 0);
      } catch (error) {
        console.log(`${name}-${size}: ${error.message.split("\n")[0]}`);
        await shoot(name, false);
        failed = true;
      }
    }
    for (const error of errors) console.log(`${size}-${theme}: ${error}`);
    failed ||= errors.some((e) => !/404|status of 4/.test(e));
    await context.close();
  }
}
await browser.close();
process.exit(failed ? 1 : 0);
