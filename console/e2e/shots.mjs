/**
 * Takes pictures of every page for looking at, on a desk and on a phone, light and dark, against the mock's demo account.
 * Usage: node e2e/shots.mjs --base URL --out DIR [--only NAME] [--email E --password P]
 */
import { mkdir } from "node:fs/promises";
import { parseArgs } from "node:util";
import { launch, listenForErrors } from "./browser.mjs";

const { values: args } = parseArgs({
  options: {
    base: { type: "string", default: "http://127.0.0.1:5173" },
    out: { type: "string", default: "shots" },
    only: { type: "string", default: "" },
    email: { type: "string", default: "demo@acme.example" },
    password: { type: "string", default: "millwright-demo" },
    device: { type: "string", default: "vib_mag_01" },
    themes: { type: "string", default: "light,dark" },
    sizes: { type: "string", default: "desk,phone" },
  },
});
const sizes = { desk: { width: 1440, height: 900 }, phone: { width: 390, height: 844 } };
const pages = {
  fleet: { path: "/fleet" },
  device: { path: `/devices/${args.device}`, wait: 4000 },
  history: { path: `/devices/${args.device}`, click: "24 h", wait: 1500 },
  missing: { path: "/devices/nothing-here" },
  add: { path: "/add-device" },
  import: { path: "/import" },
  groups: { path: "/groups" },
  "new-group": { path: "/groups/new" },
  group: { path: "/groups/vibration" },
  jobs: { path: "/jobs" },
  letters: { path: "/dead-letters" },
  types: { path: "/device-types" },
  facilities: { path: "/facilities" },
  usage: { path: "/usage" },
  "operator-cells": { path: "/operator" },
  "operator-tenants": { path: "/operator/organisations" },
  "operator-flags": { path: "/operator/flags" },
  "operator-announcements": { path: "/operator/announcements" },
  settings: { path: "/settings" },
  members: { path: "/settings/members" },
  roles: { path: "/settings/roles" },
  keys: { path: "/settings/keys" },
  certificates: { path: "/settings/certificates" },
  audit: { path: "/settings/audit" },
  limits: { path: "/settings/limits?limit=events_per_second" },
  store: { path: "/settings/data-access" },
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
    };
    const wanted = (name) => args.only === "" || args.only.split(",").includes(name);
    if (wanted("sign-up")) {
      await page.goto(`${args.base}/sign-up`);
      await page.getByRole("button", { name: "Create account" }).click();
      await page.waitForTimeout(300);
      await shoot("sign-up");
    }
    await page.goto(`${args.base}/sign-in`);
    await page.getByLabel("E-mail address").waitFor();
    if (wanted("sign-in")) await shoot("sign-in");
    await page.getByLabel("E-mail address").fill(args.email);
    await page.getByLabel("Password").fill(args.password);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.waitForURL("**/fleet");
    for (const [name, { path, wait = 1200, click }] of Object.entries(pages)) {
      if (!wanted(name)) continue;
      await page.goto(args.base + path);
      await page.waitForTimeout(wait);
      if (click) await page.getByRole("button", { name: click, exact: true }).click();
      if (click) await page.waitForTimeout(1500);
      await shoot(name, name !== "fleet");
    }
    for (const error of errors) console.log(`${size}-${theme}: ${error}`);
    failed ||= errors.some((e) => !/404|status of 4/.test(e));
    await context.close();
  }
}
await browser.close();
process.exit(failed ? 1 : 0);
