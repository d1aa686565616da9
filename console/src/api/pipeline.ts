/** How events fare in a cell, asked of the cell itself with an operator's token for it. */
import { createClient, type Interceptor } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-web";
import { useQuery } from "@tanstack/react-query";
import { millis } from "../format/time";
import { CellService } from "../gen/millwright/cell/v1/cell_pb";
import { PipelineService } from "../gen/millwright/pipeline/v1/pipeline_pb";
import { control } from "./control";
import { renewalTime } from "./renewal";

export type { GetResponse as Pipeline } from "../gen/millwright/pipeline/v1/pipeline_pb";

interface Entry {
  renewAt: number;
  url: string;
  token: string;
}

const entries = new Map<string, Entry>();

/** A token for the cell that is good for a while yet. */
async function enter(cell: string): Promise<Entry> {
  const held = entries.get(cell);
  if (held && Date.now() < held.renewAt) return held;
  const answer = await createClient(CellService, control).enter({ cell });
  const entry = { token: answer.token, url: answer.url.replace(/\/+$/, ""), renewAt: renewalTime(Date.now(), millis(answer.expiresAt)) };
  entries.set(cell, entry);
  return entry;
}

async function ask(cell: string) {
  const { url, token } = await enter(cell);
  const authorize: Interceptor = (next) => (request) => {
    request.header.set("Authorization", `Bearer ${token}`);
    return next(request);
  };
  try {
    return await createClient(PipelineService, createConnectTransport({ baseUrl: url, interceptors: [authorize] })).get({}, { timeoutMs: 10_000 });
  } catch (error) {
    entries.delete(cell);
    throw error;
  }
}

export const usePipeline = (cell: string) => useQuery({ queryKey: ["pipeline", cell], queryFn: () => ask(cell), enabled: cell !== "", refetchInterval: 2_000, retry: 1 });

/** Tokens of somebody who signed out are of no use to the next. */
export function forgetPipelines() {
  entries.clear();
}
