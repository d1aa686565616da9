/**
 * A device's live WebSocket at the cell. The only file that knows its address and how it authenticates: the token
 * travels as a subprotocol, since a browser cannot set headers here and a token in a URL would end up in logs.
 */
import { cellSession, forgetCellSession } from "../api/cell";
import { parseFrame, type LiveEvent } from "./message";

export interface LiveSocketEvents {
  connecting(): void;
  opened(): void;
  events(events: LiveEvent[]): void;
  /** The connection is gone; it tries again in so many milliseconds. */
  lost(retryIn: number): void;
}

const shortestWait = 500;
const longestWait = 15_000;

/** Connects and stays connected until the returned function is called. */
export function openLiveSocket(deviceId: string, on: LiveSocketEvents): () => void {
  let socket: WebSocket | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let closed = false;
  let failures = 0;

  async function connect() {
    on.connecting();
    try {
      const { token, url } = await cellSession();
      if (closed) return;
      socket = new WebSocket(liveAddress(url, deviceId), ["millwright", `bearer.${token}`]);
    } catch {
      return again();
    }
    let opened = false;
    socket.onopen = () => {
      opened = true;
      failures = 0;
      on.opened();
    };
    socket.onmessage = (message) => {
      if (typeof message.data === "string") on.events(parseFrame(message.data));
    };
    socket.onclose = () => {
      if (!opened) forgetCellSession();
      again();
    };
  }

  function again() {
    if (closed) return;
    const wait = retryWait(failures++);
    on.lost(wait);
    timer = setTimeout(connect, wait);
  }

  // A tick later, so that a mount that is undone at once opens nothing.
  timer = setTimeout(connect, 0);
  return () => {
    closed = true;
    clearTimeout(timer);
    socket?.close(1000);
  };
}

export function liveAddress(cellUrl: string, deviceId: string): string {
  return `${cellUrl.replace(/^http/, "ws")}/ws/devices/${encodeURIComponent(deviceId)}/live`;
}

/** Doubling from half a second to fifteen seconds. */
export function retryWait(failures: number): number {
  return Math.min(longestWait, shortestWait * 2 ** failures);
}
