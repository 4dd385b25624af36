import {
  errorCodes,
  syncGroupApi,
  type SyncGroupRequest,
  type SyncGroupResponseInput,
} from '@millrace/protocol'
import { serve, type RequestContext } from './served-api.ts'

/** KIP-559 */
const NAMED_PROTOCOL_VERSION = 5

/**
 * SyncGroup (key 14), versions 0–5. Followers wait for the leader's assignment. From v5 protocol type and name must be given, are
 * checked and told (KIP-559: INCONSISTENT_GROUP_PROTOCOL).
 */
export const syncGroup = serve({ api: syncGroupApi, versions: [0, 5], handle })

async function handle(
  request: SyncGroupRequest,
  { broker, version }: RequestContext,
): Promise<SyncGroupResponseInput> {
  const isNamed = request.protocolType !== null && request.protocolName !== null
  if (version >= NAMED_PROTOCOL_VERSION && !isNamed)
    return { errorCode: errorCodes.INCONSISTENT_GROUP_PROTOCOL, assignment: Buffer.alloc(0) }
  const result = await broker.groups.sync(request.groupId, {
    memberId: request.memberId,
    instanceId: request.groupInstanceId,
    generation: request.generationId,
    protocolType: request.protocolType,
    protocol: request.protocolName,
    assignments: new Map(
      request.assignments.map(({ memberId, assignment }) => [memberId, assignment]),
    ),
  })
  return {
    errorCode: result.errorCode,
    protocolType: result.protocolType,
    protocolName: result.protocol,
    assignment: result.assignment,
  }
}
