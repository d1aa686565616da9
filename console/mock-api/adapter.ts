/** Puts Connect handlers on node:http: a request's stream in, the handler's stream out. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { UniversalHandler } from "@connectrpc/connect/protocol";

export async function serveConnect(handler: UniversalHandler, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const gone = new AbortController();
  response.on("close", () => gone.abort());
  const header = new Headers();
  for (const [name, value] of Object.entries(request.headers)) if (value !== undefined) header.set(name, String(value));
  const answer = await handler({
    httpVersion: request.httpVersion,
    method: request.method ?? "POST",
    url: new URL(request.url ?? "/", "http://mock").toString(),
    header,
    body: request,
    signal: gone.signal,
  });
  response.statusCode = answer.status;
  answer.header?.forEach((value, name) => response.setHeader(name, value));
  try {
    for await (const chunk of answer.body ?? []) response.write(chunk);
  } catch {
    // The browser went away in the middle of a stream: nobody is left to tell.
  }
  response.end();
}
