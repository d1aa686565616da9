import { expect, test } from "vitest";
import { unzipStored } from "../../e2e/unzip.mjs";
import { curlCommand, enrolCommand, mosquittoCommand, splitAddress, trustCommand } from "./bundle";
import { crc32, zip } from "./zip";

test("CRC-32 of the standard's check string", () => {
  expect(crc32(new TextEncoder().encode("123456789"))).toBe(0xcbf43926);
});

test("what is packed can be unpacked", () => {
  const archive = zip(
    [
      { name: "cert.pem", text: "a certificate\n", mode: 0o644 },
      { name: "key.pem", text: "ä key\n", mode: 0o600 },
    ],
    new Date(2026, 10, 24, 10, 30, 0),
  );
  const files = unzipStored(Buffer.from(archive));
  expect([...files.keys()]).toEqual(["cert.pem", "key.pem"]);
  expect(files.get("key.pem")?.toString()).toBe("ä key\n");
});

test.each([
  ["127.0.0.1:8883", ["127.0.0.1", "8883"]],
  ["[::1]:18883", ["::1", "18883"]],
  ["mqtt.example.com", ["mqtt.example.com", "8883"]],
])("the parts of %s", (address, want) => expect(splitAddress(address)).toEqual(want));

test("commands name host, port and topic", () => {
  expect(mosquittoCommand("127.0.0.1:8883")).toMatchInlineSnapshot(`
    "mosquitto_pub -h 127.0.0.1 -p 8883 -V 5 -q 1 \\
      --cafile ca.pem --cert cert.pem --key key.pem \\
      -t v1/telemetry \\
      -m '{"measurements":{"temperature":21.5,"vibration":{"x":0.02,"y":0.01}}}'"
  `);
  expect(curlCommand("https://127.0.0.1:8443/v1/telemetry")).toMatchInlineSnapshot(`
    "curl --cacert ca.pem --cert cert.pem --key key.pem \\
      -H 'Content-Type: application/json' \\
      -d '{"measurements":{"temperature":21.5,"vibration":{"x":0.02,"y":0.01}}}' \\
      https://127.0.0.1:8443/v1/telemetry"
  `);
});

test("a device enrols with commands that a shell takes as they stand", () => {
  expect(trustCommand("-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n")).toBe("cat > ca.pem <<'END'\n-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\nEND");
  const lines = enrolCommand("press_77", "mwc_secret", "https://127.0.0.1:8444/.well-known/est").split("\n");
  expect(lines[1]).toContain('-subj "/CN=press_77"');
  expect(lines.slice(2, 5).join("\n")).toBe(`curl -sS --fail-with-body --cacert ca.pem --user "claim:mwc_secret" \\
  -H 'Content-Type: application/pkcs10' --data-binary @request.b64 \\
  https://127.0.0.1:8444/.well-known/est/simpleenroll |`);
});
