/** The cell's WebSocket, `/ws/devices/{deviceId}/live`, moving with the mock's signals. */
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { WebSocketServer, type WebSocket } from "ws";
import { eventTimes, measure, tenantOfToken } from "./telemetry";
import type { MockDevice } from "./world";

const server = new WebSocketServer({ noServer: true, handleProtocols: (offered) => (offered.has("millwright") ? "millwright" : false) });
const address = /^\/ws\/devices\/([A-Za-z0-9_-]+)\/live$/;

/** Takes the connection over if it is one of ours. */
export function upgradeLive(request: IncomingMessage, socket: Duplex, head: Buffer): boolean {
  const match = address.exec(new URL(request.url ?? "/", "http://mock").pathname);
  if (!match) return false;
  const token = (request.headers["sec-websocket-protocol"] ?? "").split(/,\s*/).find((p) => p.startsWith("bearer."))?.slice(7);
  let device: MockDevice | undefined;
  try {
    device = tenantOfToken(token).devices.get(match[1]!);
  } catch {
    socket.end("HTTP/1.1 401 Unauthorized\r\nConnection: close\r\n\r\n");
    return true;
  }
  if (!device) {
    socket.end("HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n");
    return true;
  }
  const found = device;
  server.handleUpgrade(request, socket, head, (client) => stream(client, found));
  return true;
}

function stream(client: WebSocket, device: MockDevice) {
  let since = Date.now();
  const timer = setInterval(() => {
    const now = Date.now();
    for (const t of eventTimes(device, since, now, 20)) {
      client.send(JSON.stringify({
        deviceId: device.device.deviceId, time: new Date(t).toISOString(), received: new Date(now).toISOString(), values: measure(device, t), missed: 0,
      }));
    }
    since = now;
  }, 100);
  client.on("close", () => clearInterval(timer));
}
