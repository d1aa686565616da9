import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";
import { mockBackend } from "./plugin";

/** The console over the mock backend: nothing else has to run. */
export default defineConfig({ plugins: [react(), mockBackend()] });
