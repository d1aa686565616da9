/** Makes the session act for a tenant, and forgets everything that was known of the one before. */
import { forgetCellSession } from "../api/cell";
import { queryClient } from "../api/client";
import { forgetPipelines } from "../api/pipeline";
import { cleared } from "../live/slice";
import { store } from "../live/store";

export async function enterTenant(tenantId: string, switchTo: (request: { tenantId: string }) => Promise<unknown>) {
  await switchTo({ tenantId });
  forgetCellSession();
  store.dispatch(cleared());
  // What is on screen asks again by itself.
  await queryClient.resetQueries();
}

/** Forgets everything: nobody is signed in. */
export function forgetEverything() {
  forgetPipelines();
  forgetCellSession();
  store.dispatch(cleared());
  queryClient.clear();
}
