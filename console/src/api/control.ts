/** The transport to the control plane: same origin, authenticated by the session's cookie. */
import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-web";
import { announceSignedOut } from "./signedOut";

const noticeSignedOut: Interceptor = (next) => async (request) => {
  try {
    return await next(request);
  } catch (error) {
    if (ConnectError.from(error).code === Code.Unauthenticated) announceSignedOut();
    throw error;
  }
};

export const control = createConnectTransport({
  baseUrl: globalThis.location?.origin ?? "http://localhost",
  interceptors: [noticeSignedOut],
  defaultTimeoutMs: 30_000,
});
