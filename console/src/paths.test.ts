import { expect, test } from "vitest";
import { paths, safeNext } from "./paths";

test("every address", () => {
  const all = Object.entries(paths).map(([name, build]) => [name, (build as (argument?: unknown) => string)({ device: "press 01/ä" })]);
  // Those that take where to go next are asked without it.
  const plain = all.map(([name, url]) => (name === "signIn" ? [name, paths.signIn()] : name === "signUp" ? [name, paths.signUp()] : [name, url]));
  expect(Object.fromEntries(plain)).toMatchInlineSnapshot(`
    {
      "addDevice": "/add-device",
      "chooseOrganisation": "/organisations",
      "device": "/devices/press%2001%2F%C3%A4",
      "fleet": "/fleet",
      "home": "/",
      "newOrganisation": "/organisations/new",
      "settings": "/settings",
      "settingsAudit": "/settings/audit",
      "settingsKeys": "/settings/keys",
      "settingsMembers": "/settings/members",
      "settingsStore": "/settings/data-access",
      "signIn": "/sign-in",
      "signUp": "/sign-up",
      "usage": "/usage",
    }
  `);
});

test("signing in keeps the way back", () => {
  expect(paths.signIn("/devices/a?x=1")).toBe("/sign-in?next=%2Fdevices%2Fa%3Fx%3D1");
  expect(paths.signUp("/")).toBe("/sign-up");
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
