/** The tree of facilities, lines and stations. */
import { createConnectQueryKey, useMutation, useQuery } from "@connectrpc/connect-query";
import { ConnectError } from "@connectrpc/connect";
import { ConflictSchema, FacilityService, PlaceKind, type Place } from "../gen/millwright/facility/v1/facility_pb";
import { queryClient } from "./client";
import { control } from "./control";

export { PlaceKind, type Place } from "../gen/millwright/facility/v1/facility_pb";

const { method } = FacilityService;

export const usePlaces = () => useQuery(method.list, {}, { staleTime: 15_000 });
export const useCreatePlace = () => useMutation(method.create, { onSuccess: refresh });
export const useUpdatePlace = () => useMutation(method.update, { onSuccess: refresh });
export const useMovePlace = () => useMutation(method.move, { onSuccess: refresh });
export const useDeletePlace = () => useMutation(method.delete, { onSuccess: refresh });

/** Both versions, when somebody else changed the place first. */
export const placeConflict = (error: unknown) => ConnectError.from(error).findDetails(ConflictSchema)[0];

export const kindName: Record<PlaceKind, string> = {
  [PlaceKind.UNSPECIFIED]: "place",
  [PlaceKind.FACILITY]: "facility",
  [PlaceKind.LINE]: "line",
  [PlaceKind.STATION]: "station",
};

/** The names of the places inside a path of names, for suggestions. */
export function namesIn(places: Place[], path: string[]): string[] {
  let parent = "";
  for (const name of path) {
    const at = places.find((p) => p.parentId === parent && p.name === name);
    if (!at) return [];
    parent = at.placeId;
  }
  return places.filter((p) => p.parentId === parent).map((p) => p.name);
}

/** How deep a place stands: 0 for a facility. */
export const depthOf = (place: Place) => Math.max(0, place.kind - PlaceKind.FACILITY);

function refresh() {
  return queryClient.invalidateQueries({ queryKey: createConnectQueryKey({ schema: FacilityService, transport: control, cardinality: undefined }) });
}
