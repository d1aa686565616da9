import { expect, test } from "vitest";
import { paths, safeNext } from "./paths";

test("every address", () => {
  const all = Object.entries(paths).map(([name, build]) => [name, (build as (argument?: unknown) => string)({ device: "press 01/ä", group: "a b", job: "j", type: "t", invoice: "2026-000001" })]);
  // Those that take where to go next are asked without it.
  const plain = all.map(([name, url]) => (name === "settingsLimits" ? [name, paths.settingsLimits()] : name === "signIn" ? [name, paths.signIn()] : name === "signUp" ? [name, paths.signUp()] : name === "verification" ? [name, paths.verification()] : [name, url]));
  expect(Object.fromEntries(plain)).toMatchInlineSnapshot(`
    {
      "account": "/account",
      "addDevice": "/add-device",
      "bill": "/bill",
      "budget": "/bill/budget",
      "chooseOrganisation": "/organisations",
      "deadLetters": "/dead-letters?device=%5Bobject%20Object%5D",
      "device": "/devices/press%2001%2F%C3%A4",
      "deviceType": "/device-types/t",
      "deviceTypes": "/device-types",
      "facilities": "/facilities",
      "fleet": "/fleet",
      "group": "/groups/a%20b",
      "groups": "/groups",
      "home": "/",
      "importDevices": "/import",
      "invitation": "/invitation",
      "invoice": "/bill/invoices/2026-000001",
      "invoices": "/bill/invoices",
      "job": "/jobs/j",
      "jobs": "/jobs",
      "mailbox": "/mailbox",
      "newGroup": "/groups/new",
      "newOrganisation": "/organisations/new",
      "operatorAnnouncements": "/operator/announcements",
      "operatorAudit": "/operator/audit",
      "operatorCells": "/operator",
      "operatorContracts": "/operator/contracts",
      "operatorFlags": "/operator/flags",
      "operatorMargins": "/operator/margins",
      "operatorPayments": "/operator/payments",
      "operatorPipeline": "/operator/pipeline",
      "operatorPrices": "/operator/prices",
      "operatorRevenue": "/operator/revenue",
      "operatorTenants": "/operator/organisations",
      "plan": "/bill/plan",
      "recovery": "/recovery",
      "settings": "/settings",
      "settingsAudit": "/settings/audit",
      "settingsCertificates": "/settings/certificates",
      "settingsKeys": "/settings/keys",
      "settingsLimits": "/settings/limits",
      "settingsMembers": "/settings/members",
      "settingsRoles": "/settings/roles",
      "settingsStore": "/settings/data-access",
      "signIn": "/sign-in",
      "signUp": "/sign-up",
      "usage": "/usage",
      "verification": "/verification",
    }
  `);
});

test("signing in keeps the way back", () => {
  expect(paths.signIn("/devices/a?x=1")).toBe("/sign-in?next=%2Fdevices%2Fa%3Fx%3D1");
  expect(paths.signUp("/")).toBe("/sign-up");
  expect(paths.verification("f 1", "/invitation")).toBe("/verification?flow=f%201&next=%2Finvitation");
});

test.each([
  ["/devices/a", "/devices/a"],
  [null, "/"],
  ["", "/"],
  ["https://evil.example", "/"],
  ["//evil.example", "/"],
  ["/\\evil.example", "/"],
])("the way back from %j is %j", (next, want) => {
  expect(safeNext(next)).toBe(want);
});
