import {
  joinGroupApi,
  type JoinGroupRequest,
  type JoinGroupResponseInput,
} from '@millrace/protocol'
import { serve, type RequestContext } from './served-api.ts'

/** KIP-394: from here on a member without id is given one first. */
const KNOWN_MEMBER_ID_VERSION = 4
/** KIP-559: from here on the protocol may be null. */
const NULLABLE_PROTOCOL_VERSION = 7
/** KIP-814: from here on a static leader that came back is told to skip the assignment. */
const SKIP_ASSIGNMENT_VERSION = 9

/**
 * JoinGroup (key 11), versions 0–9. Waits in the group's join barrier. Subscriptions are opaque, so eager, cooperative and Streams' own
 * assignors all work. v0 has no rebalance timeout: the session's takes its place.
 *
 * Ignored: the reason (KIP-800).
 */
export const joinGroup = serve({ api: joinGroupApi, versions: [0, 9], handle })

async function handle(
  request: JoinGroupRequest,
  { broker, version, clientId, clientHost }: RequestContext,
): Promise<JoinGroupResponseInput> {
  const result = await broker.groups.join(request.groupId, {
    memberId: request.memberId,
    instanceId: request.groupInstanceId,
    clientId,
    clientHost,
    sessionTimeoutMs: request.sessionTimeoutMs,
    rebalanceTimeoutMs:
      request.rebalanceTimeoutMs < 0 ? request.sessionTimeoutMs : request.rebalanceTimeoutMs,
    protocolType: request.protocolType,
    // Copies: the group outlives the request's memory.
    protocols: request.protocols.map(({ name, metadata }) => ({
      name,
      metadata: Buffer.from(metadata),
    })),
    requiresKnownMemberId: version >= KNOWN_MEMBER_ID_VERSION,
    maySkipAssignment: version >= SKIP_ASSIGNMENT_VERSION,
  })
  return {
    errorCode: result.errorCode,
    generationId: result.generation,
    protocolType: result.protocolType,
    protocolName: result.protocol ?? (version < NULLABLE_PROTOCOL_VERSION ? '' : null),
    leader: result.leader,
    skipAssignment: result.skipAssignment,
    memberId: result.memberId,
    members: result.members.map(({ memberId, instanceId, metadata }) => ({
      memberId,
      groupInstanceId: instanceId,
      metadata,
    })),
  }
}
