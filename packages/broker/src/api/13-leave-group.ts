import { errorCodes, leaveGroupApi, type LeaveGroupResponseInput } from '@millrace/protocol'
import { serve } from './served-api.ts'

/**
 * LeaveGroup (key 13), versions 0–5. From v3 several members at once, each with its own error, static ones also by instance id alone
 * (KIP-345: Streams' and the admin client's removeMembersFromConsumerGroup).
 *
 * Ignored: the reason (KIP-800).
 */
export const leaveGroup = serve({
  api: leaveGroupApi,
  versions: [0, 5],
  handle: (request, { broker, version }): LeaveGroupResponseInput => {
    const { groupId } = request
    if (version < 3) return { errorCode: broker.groups.leave(groupId, request.memberId, null) }
    if (groupId === '') return { errorCode: errorCodes.INVALID_GROUP_ID, members: [] }
    return {
      errorCode: errorCodes.NONE,
      members: request.members.map(({ memberId, groupInstanceId }) => ({
        memberId,
        groupInstanceId,
        errorCode: broker.groups.leave(groupId, memberId, groupInstanceId),
      })),
    }
  },
})
