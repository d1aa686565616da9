/**
 * All that a new customer does, in one browser: sign up → verify → create an organisation in a region → add a device → its
 * first message → the device page moves → the usage page counts it → 200 devices from a file → a group → a colleague is
 * invited for one facility and sees only that → a device enrols by EST → it is seen live, its certificate revoked, it drops
 * → the audit page tells all of it → second factor → recovery. Needs a running Millwright with its development mailbox, and
 * openssl and curl.
 *
 *   node e2e/journey.mjs --base URL --publish-command CMD [--region NAME] [--screenshots DIR] [--timeout SECONDS]
 *
 * CMD runs in a shell with CERT_DIR (the bundle, unpacked), DEVICE_ID, MQTT_HOST, MQTT_PORT and INGEST_URL set, and should
 * publish at least one message; it runs again every two seconds while the journey needs the device to speak.
 * Exit codes: 0 done, 1 a check failed, 2 usage, 3 could not reach the console.
 */
import { spawn } from "node:child_process";
import { createHmac } from "node:crypto";
import { mkdir, mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { violations } from "./accessibility.mjs";
import { launch, listenForErrors } from "./browser.mjs";
import { enrol, importDevices, makeClaimToken, readAudit, revokeAndWatch, seeEnrolledLive } from "./enrolment.mjs";
import { unzipStored } from "./unzip.mjs";

let args;
try {
  ({ values: args } = parseArgs({
    options: {
      base: { type: "string" },
      "publish-command": { type: "string" },
      region: { type: "string" },
      screenshots: { type: "string" },
      timeout: { type: "string", default: "60" },
    },
  }));
  if (!args.base || !args["publish-command"]) throw new Error("--base and --publish-command are required");
} catch (error) {
  console.error(`journey: ${error.message}\nusage: node e2e/journey.mjs --base URL --publish-command CMD [--region NAME] [--screenshots DIR] [--timeout SECONDS]`);
  process.exit(2);
}

const base = args.base.replace(/\/+$/, "");
const timeout = Number(args.timeout) * 1000;
const stamp = Date.now().toString(36);
const deviceId = `press_${stamp}`;
const colleague = `colleague-${stamp}@example.com`;
const sixDigits = /\b\d{6}\b/;

try {
  await fetch(base, { signal: AbortSignal.timeout(10_000) });
} catch (error) {
  console.error(`journey: ${base} does not answer: ${error.cause?.message ?? error.message}`);
  process.exit(3);
}
if (args.screenshots) await mkdir(args.screenshots, { recursive: true });

const browser = await launch();
const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, acceptDownloads: true });
const page = await context.newPage();
page.setDefaultTimeout(timeout);
const errors = listenForErrors(page);
const publishing = new AbortController();
let publisher = Promise.resolve();
const journey = { page, base, timeout, shoot, email: `journey-${stamp}@example.com`, colleague, enrolled: `lathe_${stamp}`, first: deviceId };
let code = 0;
try {
  await step("sign up", signUp);
  await step("verify the e-mail address", verifyAddress);
  await step("create an organisation", createOrganisation);
  const bundle = await step("add a device", addDevice);
  publisher = publishUntilDone(bundle);
  await step("see the first message", seeFirstMessage);
  await step("watch the device", watchDevice);
  await step("find it in the fleet", findInFleet);
  await step("read the usage", readUsage);
  await step("import 200 devices from a file", () => importDevices(journey));
  await step("gather them in a group", gatherGroup);
  await step("invite a colleague for one facility", inviteColleague);
  await step("accept the invitation and see that facility only", acceptInvitation);
  await step("make a template and a claim token", () => makeClaimToken(journey));
  await step("enrol by openssl and curl", () => enrol(journey));
  await step("see it live", () => seeEnrolledLive(journey));
  await step("revoke its certificate and watch it drop", () => revokeAndWatch(journey));
  await step("read the audit page", () => readAudit(journey));
  await step("sign out and in again", signOutAndIn);
  await step("set up a second factor and sign in with it", secondFactor);
  await step("recover a forgotten password", recoverPassword);
  // The browser itself notes every refused call. These were refused on purpose, and 422 is how the identity server says
  // where to go on.
  const refused = /\/identity\/(sessions\/whoami|self-service\/verification)|status of 422 .*\/identity\/|GroupService\/Preview/;
  errors.splice(0, errors.length, ...errors.filter((line) => !refused.test(line)));
  if (errors.length > 0) throw new Error(`the browser's console has errors:\n  ${errors.join("\n  ")}`);
  console.log("journey: done");
} catch (error) {
  code = 1;
  console.error(`journey: ${error.message}`);
  for (const line of errors) console.error(`  console: ${line}`);
  await shoot("failed");
}
publishing.abort();
await publisher;
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

/** A picture if one is wanted; and where the journey stops to look, the page is one for everybody. */
async function shoot(name) {
  if (name !== "failed") for (const line of await violations(page)) errors.push(`accessibility of ${name}: ${line}`);
  if (args.screenshots) await page.screenshot({ path: join(args.screenshots, `${name}.png`) });
}

async function signUp() {
  await page.goto(`${base}/sign-up`);
  await page.getByLabel("E-mail address").fill(`journey-${stamp}@example.com`);
  await page.getByLabel("Password").fill(`correct horse ${stamp}`);
  await shoot("1-sign-up");
  await page.getByRole("button", { name: "Create account" }).click();
  await page.waitForURL("**/verification**");
}

/** Waits for an e-mail to the address whose text matches, in the development mailbox; returns the match. */
async function mail(to, pattern, after = 0) {
  for (const end = Date.now() + timeout; Date.now() < end; ) {
    const answer = await fetch(`${base}/mailbox/messages?to=${encodeURIComponent(to)}`);
    const { messages } = await answer.json();
    for (const message of messages) {
      const found = pattern.exec(message.text);
      if (found && Date.parse(message.received_at) > after) return found;
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error(`no e-mail to ${to} with ${pattern}`);
}

async function verifyAddress() {
  const wrong = page.getByLabel("Code");
  await wrong.fill("000000");
  await page.getByRole("button", { name: "Verify" }).click();
  await page.getByText(/code is invalid/i).waitFor();
  await shoot("1-verification");
  await wrong.fill((await mail(`journey-${stamp}@example.com`, sixDigits))[0]);
  await page.getByRole("button", { name: "Verify" }).click();
  await page.getByRole("button", { name: "Go on" }).click();
  await page.waitForURL("**/organisations/new");
}

async function createOrganisation() {
  await page.getByLabel("Organisation").fill(`Journey ${stamp}`);
  if (args.region) await page.getByLabel("Region").selectOption(args.region);
  await shoot("2-organisation");
  await page.getByRole("button", { name: "Create organisation" }).click();
  await page.waitForURL("**/add-device");
}

async function addDevice() {
  await page.getByLabel("Device id").fill("press 01");
  await page.getByText("Leave out the space").waitFor();
  await page.getByLabel("Device id").fill(deviceId);
  await page.getByLabel("Device type").fill("pressure_sensor");
  await page.getByLabel("Facility").fill("factory_01");
  await shoot("3-device");
  await page.getByRole("button", { name: "Create device" }).click();
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: `Download ${deviceId}.zip` }).click()]);
  const dir = await mkdtemp(join(tmpdir(), "millwright-journey-"));
  const files = unzipStored(await readFile(await download.path()));
  for (const name of ["cert.pem", "key.pem", "ca.pem"]) {
    if (!files.get(name)?.toString().startsWith("-----BEGIN ")) throw new Error(`the bundle has no ${name}`);
    await writeFile(join(dir, name), files.get(name), { mode: 0o600 });
  }
  const mqtt = await page.getByLabel("the mosquitto_pub command", { exact: true }).innerText();
  await page.getByRole("button", { name: "HTTPS", exact: true }).click();
  const curl = await page.getByLabel("the curl command", { exact: true }).innerText();
  await page.getByText("Waiting for the first message").waitFor();
  await shoot("4-waiting");
  const [, host, port] = /-h (\S+) -p (\d+)/.exec(mqtt) ?? [];
  await writeFile(join(dir, "publish-mqtt.sh"), mqtt);
  await writeFile(join(dir, "publish-https.sh"), curl);
  return { dir, host, port, ingest: curl.trim().split(/\s+/).at(-1) };
}

async function publishUntilDone(bundle) {
  const env = { ...process.env, CERT_DIR: bundle.dir, DEVICE_ID: deviceId, MQTT_HOST: bundle.host, MQTT_PORT: bundle.port, INGEST_URL: bundle.ingest };
  while (!publishing.signal.aborted) {
    await new Promise((resolve) => {
      const child = spawn("/bin/sh", ["-c", args["publish-command"]], { env, cwd: bundle.dir, stdio: ["ignore", "ignore", "pipe"] });
      let said = "";
      child.stderr.on("data", (chunk) => (said += chunk));
      child.on("error", resolve);
      child.on("close", (status) => {
        if (status !== 0) console.error(`publish command: exit ${status}: ${said.trim().slice(0, 400)}`);
        resolve();
      });
    });
    await new Promise((resolve) => setTimeout(resolve, 2000));
  }
}

async function seeFirstMessage() {
  await page.getByRole("heading", { name: `${deviceId} is live` }).waitFor();
  await shoot("5-first-message");
  await page.getByRole("link", { name: new RegExp(`Open ${deviceId}`) }).click();
  await page.waitForURL(`**/devices/${deviceId}`);
}

async function watchDevice() {
  await page.getByText("Connected", { exact: true }).waitFor();
  await page.locator("canvas").first().waitFor();
  // Two counts apart: the stream itself moves, not only the first answer.
  const counter = page.locator("dt", { hasText: "Events seen here" }).locator("xpath=following-sibling::dd");
  const first = Number(await counter.innerText());
  await page.waitForFunction(
    (before) => [...document.querySelectorAll("dt")].some((dt) => dt.textContent === "Events seen here" && Number(dt.nextElementSibling.textContent) > before),
    first,
  );
  await shoot("6-device-live");
  await page.getByRole("button", { name: "15 min", exact: true }).click();
  await page.locator("canvas").first().waitFor();
  await shoot("7-device-history");
}

async function findInFleet() {
  await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Fleet" }).click();
  const row = page.getByRole("row", { name: new RegExp(deviceId) });
  await row.getByText("Live").waitFor();
  await shoot("8-fleet");
}

async function readUsage() {
  await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Usage" }).click();
  const big = page.locator("p", { hasText: /^Events today$/ }).locator("xpath=following-sibling::p[1]");
  await page.waitForFunction(() => {
    const label = [...document.querySelectorAll("p")].find((p) => p.textContent === "Events today");
    return Number(label?.nextElementSibling?.textContent?.replaceAll(",", "")) > 0;
  });
  await shoot("9-usage");
  return big.innerText();
}

async function inviteColleague() {
  await page.goto(`${base}/settings/members`);
  await page.getByLabel("E-mail address").fill(colleague);
  await page.getByLabel("Role", { exact: true }).selectOption({ label: "maintenance" });
  await page.getByLabel("Facilities").fill("factory_02");
  await page.getByRole("button", { name: "Invite", exact: true }).click();
  const row = page.getByRole("row", { name: new RegExp(colleague) });
  await row.getByText("sent", { exact: true }).waitFor();
  await shoot("10-members");
}

async function acceptInvitation() {
  const [, link] = await mail(colleague, /(http\S+\/invitation#\S+)/);
  const other = await browser.newContext({ viewport: { width: 390, height: 844 } });
  const theirs = await other.newPage();
  theirs.setDefaultTimeout(timeout);
  const theirErrors = listenForErrors(theirs);
  await theirs.goto(link);
  await theirs.getByRole("link", { name: "Create an account" }).click();
  await theirs.getByLabel("E-mail address").fill(colleague);
  await theirs.getByLabel("Password").fill(`correct horse ${stamp}`);
  await theirs.getByRole("button", { name: "Create account" }).click();
  await theirs.getByRole("button", { name: "Accept" }).click();
  await theirs.getByText("You are maintenance at factory_02").waitFor();
  if (args.screenshots) await theirs.screenshot({ path: join(args.screenshots, "11-invitation-phone.png") });
  await theirs.getByRole("button", { name: "Go to work" }).click();
  await theirs.waitForURL("**/fleet");
  // Half of what was imported is at factory_02; the other half and the first device are not, nor can they be asked for.
  await theirs.getByText("100 devices", { exact: true }).waitFor();
  await theirs.getByText("factory_02 / line_a").first().waitFor();
  if ((await theirs.getByText("factory_01").count()) > 0) throw new Error("the colleague sees another facility's devices");
  // The device is at factory_01: out of their reach.
  await theirs.goto(`${base}/devices/${deviceId}`);
  await theirs.getByText(`There is no device ${deviceId}`).first().waitFor();
  await theirs.goto(`${base}/settings/members`);
  await theirs.getByText("Ask an admin for this").waitFor();
  errors.push(...theirErrors.filter((line) => !line.includes("404")));
  await other.close();
  // Given the right facility, they see it.
  await page.reload();
  await page.getByRole("row", { name: new RegExp(colleague) }).getByRole("button", { name: "Change" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Facilities").fill("factory_01");
  await dialog.getByRole("button", { name: "Save" }).click();
  await page.getByRole("row", { name: new RegExp(`${colleague}.*factory_01`) }).waitFor();
}

/** The code of an authenticator app (RFC 6238: SHA-1, six digits, 30 seconds). */
function totp(secret) {
  let bits = "";
  for (const c of secret.replace(/=+$/, "").toUpperCase()) bits += "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(c).toString(2).padStart(5, "0");
  const key = Buffer.from(bits.match(/.{8}/g).map((b) => parseInt(b, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000)));
  const hash = createHmac("sha1", key).update(counter).digest();
  const at = hash[hash.length - 1] & 15;
  return String((hash.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}

/** Signed out is who has no session any more: the page leads away first. */
async function signOut() {
  await page.goto(`${base}/fleet`);
  await page.getByRole("button", { name: /account menu/ }).first().click();
  await Promise.all([page.waitForResponse((r) => r.url().includes("/self-service/logout?")), page.getByRole("button", { name: "Sign out" }).click()]);
  await page.waitForURL("**/sign-in");
}

async function secondFactor() {
  await page.goto(`${base}/account`);
  await page.getByRole("button", { name: "Set up a second factor" }).click();
  await page.getByAltText("QR code for your authenticator app").waitFor();
  const secret = (await page.getByLabel("the key for your app", { exact: true }).innerText()).trim();
  await shoot("12-account");
  await page.getByLabel("Code of the app").fill(totp(secret));
  await page.getByRole("button", { name: "Turn it on" }).click();
  await page.getByText("The second factor is on:").waitFor();
  await signOut();
  await page.getByLabel("E-mail address").fill(`journey-${stamp}@example.com`);
  await page.getByLabel("Password").fill(`correct horse ${stamp}`);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "Second factor" }).waitFor();
  await page.getByLabel("Code of the app").fill(totp(secret));
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL("**/fleet");
  await page.goto(`${base}/account`);
  await page.getByRole("button", { name: "Turn it off" }).click();
  await page.getByRole("button", { name: "Set up a second factor" }).waitFor();
}

async function recoverPassword() {
  await signOut();
  await page.getByRole("link", { name: "Forgot your password?" }).click();
  await page.getByRole("heading", { name: "Recover your account" }).waitFor();
  const before = Date.now();
  await page.getByLabel("E-mail address").fill(`journey-${stamp}@example.com`);
  await page.getByRole("button", { name: "Send me a code" }).click();
  const [digits] = await mail(`journey-${stamp}@example.com`, sixDigits, before);
  await page.getByLabel("Code").fill(digits);
  await page.getByRole("button", { name: "Go on" }).click();
  await page.waitForURL("**/account");
  await page.getByLabel("New password").fill(`another horse ${stamp}`);
  await page.getByRole("button", { name: "Change password" }).click();
  await page.getByText("Your password is changed").waitFor();
  await signOut();
  await page.getByLabel("E-mail address").fill(`journey-${stamp}@example.com`);
  await page.getByLabel("Password").fill(`another horse ${stamp}`);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL("**/fleet");
}

async function gatherGroup() {
  await page.getByRole("link", { name: "Groups" }).first().click();
  await page.getByRole("link", { name: "New group" }).first().click();
  await page.getByLabel("Group id").fill("berlin");
  await page.getByLabel("Query").fill('labels.sight == "berlin" &&');
  await page.getByText(/Query: line 1, column \d+: Syntax error/).waitFor();
  await page.getByLabel("Query").fill('labels.site == "berlin"');
  await page.getByText("Finds 200 of 201 devices, the first 50:").waitFor();
  await page.getByLabel(/Bytes a message/).fill("4000");
  await page.getByRole("button", { name: "Create group" }).click();
  await page.waitForURL("**/groups/berlin");
  await page.getByRole("link", { name: "import_0", exact: true }).waitFor();
  await shoot("15-group");
}

async function signOutAndIn() {
  await signOut();
  await page.getByLabel("E-mail address").fill(`journey-${stamp}@example.com`);
  await page.getByLabel("Password").fill(`correct horse ${stamp}`);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL("**/fleet");
  await page.getByLabel("Search devices").fill(deviceId);
  await page.getByRole("row", { name: new RegExp(deviceId) }).waitFor();
}
