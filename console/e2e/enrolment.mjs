/** The part of the journey that is about many devices and one that enrols by itself: import, EST, revocation, audit. */
import { spawn } from "node:child_process";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** 200 devices in two facilities, and one row that is wrong. */
export async function importDevices({ page, base, shoot }) {
  const rows = Array.from({ length: 201 }, (_, i) => `${i === 7 ? "bad id" : `import_${i}`},press,factory_0${i < 101 ? 1 : 2},line_a,berlin`);
  await page.goto(`${base}/fleet`);
  await page.getByRole("link", { name: "Import", exact: true }).click();
  await page.getByLabel("CSV file").setInputFiles({
    name: "devices.csv", mimeType: "text/csv", buffer: Buffer.from(["device_id,device_type,facility,line,label:site", ...rows].join("\n")),
  });
  await page.getByText("1 row is wrong and will be left out").waitFor();
  await shoot("10-import");
  await page.getByRole("button", { name: "Import 200 devices" }).click();
  await page.waitForURL("**/jobs/*");
  await page.getByText("200 done, 1 failed, of 201").waitFor();
  await page.getByText('Device_id "bad id"').waitFor();
  await shoot("11-job");
  const [saved] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Download credentials" }).click()]);
  if (!/^credentials-.*\.zip$/.test(saved.suggestedFilename())) throw new Error(`the archive is called ${saved.suggestedFilename()}`);
  await page.getByRole("heading", { name: "Certificates and keys" }).waitFor({ state: "detached" }); // they can be taken once
}

/** Leaves the commands that the page shows in journey.commands: to trust, to enrol, to publish. */
export async function makeClaimToken(journey) {
  const { page, base, shoot, enrolled } = journey;
  await page.goto(`${base}/settings/certificates`);
  await page.getByRole("button", { name: "New template" }).click();
  const template = page.getByRole("dialog");
  await template.getByLabel("Name").fill("Lathes");
  await template.getByLabel("Device type").fill("lathe");
  await template.getByLabel("Device ids").fill("lathe_.*");
  await template.getByLabel("Facility").fill("factory_01");
  await template.getByRole("button", { name: "Create template" }).click();
  await template.waitFor({ state: "hidden" });
  await page.getByRole("button", { name: "New token" }).click();
  const token = page.getByRole("dialog");
  await token.getByRole("button", { name: "Create token" }).click();
  await token.getByLabel("Device id in the commands").fill(enrolled);
  const text = (label) => token.getByLabel(label, { exact: true }).innerText();
  journey.commands = { trust: await text("the command that writes ca.pem"), enrol: await text("the enrolment commands"), publish: await text("the curl command") };
  await shoot("12-claim-token");
  await token.getByRole("button", { name: "I have copied it" }).click();
}

/** Runs the commands as they stand, in an empty folder. */
export async function enrol(journey) {
  journey.dir = await mkdtemp(join(tmpdir(), "millwright-enrol-"));
  const { commands, dir } = journey;
  const { status, said } = await shell(`${commands.trust}\n${commands.enrol}\n${commands.publish}`, dir);
  if (status !== 0 || !said.includes('"accepted":1')) throw new Error(`the commands ended with ${status}: ${said}`);
}

export async function seeEnrolledLive({ page, base, shoot, enrolled }) {
  await page.goto(`${base}/devices/${enrolled}`);
  await page.getByRole("heading", { name: enrolled }).getByText("Live").waitFor();
  await page.getByText("enrolled by claim token").waitFor();
  await page.getByText("lathe · factory_01", { exact: false }).first().waitFor();
  await shoot("13-enrolled");
}

/** The device keeps sending: refused from the moment of the revocation, and the page says so. */
export async function revokeAndWatch({ page, shoot, enrolled, commands, dir, timeout }) {
  const counter = page.locator("dt", { hasText: "Events seen here" }).locator("xpath=following-sibling::dd");
  const before = Number(await counter.innerText());
  const accepted = await shell(commands.publish, dir);
  if (!accepted.said.includes('"accepted":1')) throw new Error(`it could not send before: ${accepted.said}`);
  await page.waitForFunction(
    (n) => [...document.querySelectorAll("dt")].some((dt) => dt.textContent === "Events seen here" && Number(dt.nextElementSibling.textContent) > n),
    before,
  );
  await page.getByRole("button", { name: "Revoke", exact: true }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Revoke certificate" }).click();
  await page.getByRole("heading", { name: enrolled }).getByText("Cut off").waitFor();
  await page.getByText("The gateway refuses this device.").waitFor();
  await page.getByText(/Its certificate was revoked .* ago|Its certificate was revoked just now/).waitFor();
  const end = Date.now() + timeout;
  for (let last = ""; ; ) {
    const { said } = await shell(commands.publish, dir);
    if (said.includes("revoked")) break;
    last = said;
    if (Date.now() > end) throw new Error(`it is still answered with ${last}`);
  }
  await shoot("14-cut-off");
}

/** Everything above left its entry, under the person who did it. */
export async function readAudit({ page, base, shoot, email, colleague, enrolled, first }) {
  await page.goto(`${base}/settings/audit`);
  const row = (who, what, object) => page.getByRole("row").filter({ hasText: who }).filter({ hasText: what }).filter({ hasText: object }).first();
  await row(email, "Revoke certificate", `device/${enrolled}`).waitFor();
  await row("claim", "Enrol by EST", `device/${enrolled}`).waitFor();
  await row(email, "Create claim token", "").waitFor();
  await row(email, "Create template", "").waitFor();
  await row(colleague, "Accept invitation", "member/").waitFor();
  await row(email, "Invite member", "invitation/").waitFor();
  await row(email, "Create group", "group/berlin").waitFor();
  await shoot("15-audit");
  await page.getByLabel("To what").fill(`device/${first}`);
  await row(email, "Create device", `device/${first}`).waitFor();
  await page.getByLabel("To what").fill("job/");
  await row(email, "Import", "job/").waitFor();
  await page.getByLabel("To what").fill("tenant/");
  await row(email, "Create tenant", "").waitFor();
}

function shell(script, cwd) {
  return new Promise((resolve) => {
    const child = spawn("bash", ["-euo", "pipefail", "-c", script], { cwd, stdio: ["ignore", "pipe", "pipe"] });
    let said = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (said += chunk));
    child.on("error", (error) => resolve({ status: -1, said: error.message }));
    child.on("close", (status) => resolve({ status, said: said.trim() }));
  });
}
