/** The budget of a month: what is to be spent, who is told, what is held back. */
import { createConnectQueryKey, useMutation, useQuery } from "@connectrpc/connect-query";
import { Action, Basis, BudgetService, type Budget, type GetResponse, type Hold, type Notice } from "../gen/millwright/budget/v1/budget_pb";
import { queryClient } from "./client";
import { control } from "./control";

export { Action, Basis };
export type { Budget, GetResponse as BudgetState, Hold, Notice };

const { method } = BudgetService;

export const useBudget = (enabled = true) => useQuery(method.get, {}, { refetchInterval: 60_000, enabled });
export const useBudgetNotices = (enabled = true) => useQuery(method.listNotices, {}, { refetchInterval: 60_000, enabled });

export const useSetBudget = () => useMutation(method.set, { onSuccess: refreshBudget });
export const useRemoveBudget = () => useMutation(method.remove, { onSuccess: refreshBudget });

function refreshBudget() {
  return queryClient.invalidateQueries({ queryKey: createConnectQueryKey({ schema: BudgetService, transport: control, cardinality: undefined }) });
}
