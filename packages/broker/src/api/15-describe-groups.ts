import { describeGroupsApi, errorCodes, type DescribeGroupsResponseInput } from '@millrace/protocol'
import type { ClassicGroup } from '../groups/classic/classic-group.ts'
import { GroupState, groupStateNames } from '../groups/classic/classic-group-state.ts'
import { serve } from './served-api.ts'

/**
 * DescribeGroups (key 15), versions 0–6: classic groups. One that does not exist, or is a consumer group (KIP-848), is Dead; from v6
 * GROUP_ID_NOT_FOUND (KIP-1043). Subscriptions and
 * assignments are shown while the group is stable.
 *
 * Ignored: authorized operations, which are told as "unknown".
 */
export const describeGroups = serve({
  api: describeGroupsApi,
  versions: [0, 6],
  handle: ({ groups }, { broker, version }) => ({
    groups: groups.map((groupId) => {
      const group = broker.groups.find(groupId)
      if (group === undefined) return missing(groupId, `Group ${groupId} not found.`, version)
      return group.type === 'classic'
        ? describe(group)
        : missing(groupId, `Group ${groupId} is not a classic group.`, version)
    }),
  }),
})

type GroupAnswer = DescribeGroupsResponseInput['groups'][number]

function describe(group: ClassicGroup): GroupAnswer {
  const isStable = group.state === GroupState.STABLE
  return {
    errorCode: errorCodes.NONE,
    groupId: group.id,
    groupState: groupStateNames[group.state],
    protocolType: group.protocolType ?? '',
    protocolData: group.protocol ?? '',
    members: [...group.members].map((member) => ({
      memberId: member.id,
      groupInstanceId: member.instanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      memberMetadata: isStable ? group.metadataOf(member) : Buffer.alloc(0),
      memberAssignment: isStable ? member.assignment : Buffer.alloc(0),
    })),
  }
}

function missing(groupId: string, text: string, version: number): GroupAnswer {
  const isNamed = version >= 6
  return {
    errorCode: isNamed ? errorCodes.GROUP_ID_NOT_FOUND : errorCodes.NONE,
    ...(isNamed ? { errorMessage: text } : {}),
    groupId,
    groupState: groupStateNames[GroupState.DEAD],
    protocolType: '',
    protocolData: '',
    members: [],
  }
}
