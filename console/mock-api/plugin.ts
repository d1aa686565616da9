/**
 * The mock backend: the control plane, the cell and the identity server in one Vite plugin, for `npm run dev`,
 * `npm run preview` and the end-to-end journey without any Go. It is never part of a build.
 */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { createConnectRouter } from "@connectrpc/connect";
import type { Plugin } from "vite";
import { DeviceService } from "../src/gen/millwright/device/v1/device_pb";
import { TelemetryService } from "../src/gen/millwright/telemetry/v1/telemetry_pb";
import { TenantService } from "../src/gen/millwright/tenant/v1/tenant_pb";
import { UsageService } from "../src/gen/millwright/usage/v1/usage_pb";
import { serveConnect } from "./adapter";
import { deviceService, startSending } from "./device";
import { serveIdentity } from "./identity";
import { upgradeLive } from "./live";
import { telemetryService, usageService } from "./telemetry";
import { tenantService } from "./tenant";
import { seedWorld, tenants } from "./world";

type Next = () => void;

export function mockBackend(): Plugin {
  let origin = "http://127.0.0.1:5173";
  const router = createConnectRouter()
    .service(TenantService, tenantService(() => origin))
    .service(DeviceService, deviceService)
    .service(TelemetryService, telemetryService)
    .service(UsageService, usageService);
  const handlers = new Map(router.handlers.map((h) => [h.requestPath, h]));

  function answer(request: IncomingMessage, response: ServerResponse, next: Next) {
    if (request.headers.host) origin = `http://${request.headers.host}`;
    seedWorld(origin);
    const path = new URL(request.url ?? "/", origin).pathname;
    const handler = handlers.get(path);
    if (handler) return void serveConnect(handler, request, response);
    if (path.startsWith("/identity/")) return void serveIdentity(request, response);
    // Stands for a device that connects: the journey's publish command calls it where there is no gateway.
    if (path.startsWith("/mock/publish/")) {
      response.statusCode = startSending(tenants.values(), decodeURIComponent(path.slice(14))) ? 202 : 404;
      return void response.end();
    }
    return next();
  }

  function listen(server: Server | null) {
    server?.on("upgrade", (request, socket, head) => {
      upgradeLive(request, socket, head);
    });
    server?.on("listening", () => {
      origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    });
  }

  return {
    name: "millwright-mock-backend",
    apply: (_, env) => env.command === "serve",
    configureServer(server) {
      listen(server.httpServer as Server | null);
      server.middlewares.use(answer);
    },
    configurePreviewServer(server) {
      listen(server.httpServer as Server);
      server.middlewares.use(answer);
    },
  };
}
