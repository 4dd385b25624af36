import { heartbeatApi } from '@millrace/protocol'
import { serve } from './served-api.ts'

/** Heartbeat (key 12), versions 0–4: keeps a session alive and tells of a rebalance (REBALANCE_IN_PROGRESS). */
export const heartbeat = serve({
  api: heartbeatApi,
  versions: [0, 4],
  handle: ({ groupId, memberId, groupInstanceId, generationId }, { broker }) => ({
    errorCode: broker.groups.heartbeat(groupId, memberId, groupInstanceId, generationId),
  }),
})
