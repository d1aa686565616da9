/** Messages that the cell refused, and what is done about them. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { useQuery } from "@connectrpc/connect-query";
import { keepPreviousData } from "@tanstack/react-query";
import {
  DeadLetterService,
  type EditSchema,
  type FilterSchema,
  type ReplayResponse,
  type SelectionSchema,
} from "../gen/millwright/deadletter/v1/deadletter_pb";
import { cell } from "./cell";

export { Stage, State, TimestampFormat, type DeadLetter, type Group, type Outcome } from "../gen/millwright/deadletter/v1/deadletter_pb";

export type Filter = MessageInitShape<typeof FilterSchema>;
export type Edit = MessageInitShape<typeof EditSchema>;
export type Selection = MessageInitShape<typeof SelectionSchema>;

const { method } = DeadLetterService;

/** The newest letters that a filter selects. */
export function useDeadLetters(filter: Filter, pageSize: number, enabled = true) {
  return useQuery(method.list, { filter, pageSize }, { transport: cell, refetchInterval: 15_000, placeholderData: keepPreviousData, enabled });
}

export function useLetterGroups(filter: Filter, enabled = true) {
  return useQuery(method.listGroups, { filter, limit: 200 }, { transport: cell, refetchInterval: 15_000, placeholderData: keepPreviousData, enabled });
}

/** One letter, whole, with what it would be now. */
export function useDeadLetter(id: string) {
  return useQuery(method.get, { id }, { transport: cell });
}

/** What some letters would become. */
export function useLetterPreview(selection: Selection, edit: Edit) {
  return useQuery(method.preview, { selection, edit, limit: 5 }, { transport: cell, placeholderData: keepPreviousData, retry: false });
}

export interface Replayed {
  replayed: number;
  already: number;
  refused: number;
  refusals: ReplayResponse["refusals"];
}

/** Replays everything that is selected, page after page, and says how far it is. */
export async function replayLetters(selection: Selection, edit: Edit, progress: (sum: Replayed) => void): Promise<Replayed> {
  const client = createClient(DeadLetterService, cell);
  let sum: Replayed = { replayed: 0, already: 0, refused: 0, refusals: [] };
  let pageToken = "";
  do {
    const answer = await client.replay({ selection, edit, pageToken });
    sum = {
      replayed: sum.replayed + answer.replayed,
      already: sum.already + answer.alreadyReplayed,
      refused: sum.refused + answer.refused,
      refusals: [...sum.refusals, ...answer.refusals].slice(0, 20),
    };
    progress(sum);
    pageToken = answer.nextPageToken;
  } while (pageToken);
  return sum;
}

/** Discards everything that is selected; returns how many. */
export async function discardLetters(selection: Selection, reason: string): Promise<number> {
  const client = createClient(DeadLetterService, cell);
  let count = 0;
  let pageToken = "";
  do {
    const answer = await client.discard({ selection, reason, pageToken });
    count += answer.discarded;
    pageToken = answer.nextPageToken;
  } while (pageToken);
  return count;
}
