/** A device's certificate bundle as files, and the commands that use it as they stand. Pure. */
import type { Credentials } from "../api/device";
import { zip, type ZipEntry } from "./zip";

export function bundleFiles(credentials: Credentials): ZipEntry[] {
  const files = [
    { name: "cert.pem", text: credentials.certificatePem, mode: 0o644 },
    { name: "key.pem", text: credentials.privateKeyPem, mode: 0o600 },
    { name: "ca.pem", text: credentials.caPem, mode: 0o644 },
  ];
  return files.filter((file) => file.text !== "");
}

export function bundleZip(credentials: Credentials, at: Date): Uint8Array<ArrayBuffer> {
  return zip(bundleFiles(credentials), at);
}

/** One message as a device of that type might send it. */
export function samplePayload(): string {
  return '{"measurements":{"temperature":21.5,"vibration":{"x":0.02,"y":0.01}}}';
}

export function unpackCommand(deviceId: string): string {
  return `unzip ${deviceId}.zip -d ${deviceId} && cd ${deviceId}`;
}

/** Works in the unpacked bundle's folder. MQTT 5 is chosen because it can say why it refuses. */
export function mosquittoCommand(mqttAddress: string): string {
  const [host, port] = splitAddress(mqttAddress);
  return [`mosquitto_pub -h ${host} -p ${port} -V 5 -q 1`, "--cafile ca.pem --cert cert.pem --key key.pem", "-t v1/telemetry", `-m '${samplePayload()}'`].join(" \\\n  ");
}

export function curlCommand(ingestUrl: string): string {
  return ["curl --cacert ca.pem --cert cert.pem --key key.pem", "-H 'Content-Type: application/json'", `-d '${samplePayload()}'`, ingestUrl].join(" \\\n  ");
}

/** Writes ca.pem, by which the device knows this installation. */
export function trustCommand(rootPem: string): string {
  return `cat > ca.pem <<'END'\n${rootPem.trim()}\nEND`;
}

/** Makes a key on the device and asks for its certificate with a claim token (EST, RFC 7030). */
export function enrolCommand(deviceId: string, secret: string, estUrl: string): string {
  return `openssl ecparam -name prime256v1 -genkey -noout -out key.pem
openssl req -new -key key.pem -subj "/CN=${deviceId}" -outform DER | openssl base64 -e > request.b64
curl -sS --fail-with-body --cacert ca.pem --user "claim:${secret}" \\
  -H 'Content-Type: application/pkcs10' --data-binary @request.b64 \\
  ${estUrl}/simpleenroll |
  openssl base64 -d | openssl pkcs7 -inform DER -print_certs > cert.pem`;
}

/** "[::1]:8883" → ["::1", "8883"]; without a port, MQTT's own over TLS. */
export function splitAddress(address: string): [string, string] {
  const at = address.lastIndexOf(":");
  if (at < 0 || address.endsWith("]")) return [address.replace(/^\[|\]$/g, ""), "8883"];
  return [address.slice(0, at).replace(/^\[|\]$/g, ""), address.slice(at + 1)];
}
