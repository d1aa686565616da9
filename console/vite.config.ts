import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";
import { mockBackend } from "./mock-api/plugin";

// MILLWRIGHT_SERVER names a running control plane to develop against; without it the mock backend answers.
const server = process.env.MILLWRIGHT_SERVER;
const proxied = ["/millwright.", "/identity/", "/api/"];

export default defineConfig({
  plugins: [react(), ...(server ? [] : [mockBackend()])],
  server: {
    proxy: server ? Object.fromEntries(proxied.map((path) => [path, { target: server, changeOrigin: true }])) : undefined,
  },
  build: {
    outDir: "dist",
    target: "es2022",
    chunkSizeWarningLimit: 600,
  },
  test: {
    include: ["src/**/*.test.ts", "mock-api/**/*.test.ts"],
    environment: "node",
  },
});
