/** The query client of the whole console, and what "stale" means in it. */
import { QueryClient } from "@tanstack/react-query";
import { mayRetry } from "./errors";

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: { retry: mayRetry, retryDelay: (n) => 400 * 2 ** n, staleTime: 2_000, refetchOnWindowFocus: true },
    mutations: { retry: false },
  },
});
