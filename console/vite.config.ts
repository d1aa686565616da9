import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// `npm run dev` works against a running control plane.
const server = process.env.MILLWRIGHT_SERVER ?? "http://127.0.0.1:8080";
const proxied = ["/millwright.", "/identity/", "/api/"];

export default defineConfig({
  plugins: [react()],
  server: {
    proxy: Object.fromEntries(proxied.map((path) => [path, { target: server, changeOrigin: true }])),
  },
  build: {
    outDir: "dist",
    target: "es2022",
    chunkSizeWarningLimit: 600,
  },
  test: {
    include: ["src/**/*.test.ts"],
    environment: "node",
  },
});
