/** The people of the organisation, their roles and invitations, as queries and mutations. */
import { createConnectQueryKey, useMutation, useQuery } from "@connectrpc/connect-query";
import { InvitationStatus, MemberService } from "../gen/millwright/member/v1/member_pb";
import { queryClient } from "./client";
import { control } from "./control";
import { refreshTenants } from "./tenant";

export { InvitationStatus, type Invitation, type Member } from "../gen/millwright/member/v1/member_pb";

const { method } = MemberService;

export const useMembers = () => useQuery(method.list, {});
export const useUpdateMember = () => useMutation(method.update, { onSuccess: refreshPeople });
export const useRemoveMember = () => useMutation(method.remove, { onSuccess: refreshMembers });
export const useLeave = () => useMutation(method.leave);

/** Open invitations; looks again while an e-mail is on its way. */
export function useInvitations() {
  return useQuery(method.listInvitations, {}, {
    refetchInterval: ({ state }) => (state.data?.invitations.some((i) => i.status === InvitationStatus.QUEUED) ? 1_000 : false),
  });
}

export const useInvite = () => useMutation(method.invite, { onSuccess: refreshMembers });
export const useResend = () => useMutation(method.resendInvitation, { onSuccess: refreshMembers });
export const useRevokeInvitation = () => useMutation(method.revokeInvitation, { onSuccess: refreshMembers });
export const useAcceptInvitation = () => useMutation(method.acceptInvitation);

function refreshMembers() {
  return queryClient.invalidateQueries({
    queryKey: createConnectQueryKey({ schema: MemberService, transport: control, cardinality: undefined }),
  });
}

/** A change of a member may be one of oneself. */
function refreshPeople() {
  return Promise.all([refreshMembers(), refreshTenants()]);
}
