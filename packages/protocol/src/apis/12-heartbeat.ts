import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../schema/api.ts'
import { int16, int32, string } from '../schema/fields.ts'

/**
 * Heartbeat (key 12), versions 0–4: keeps a member in its group and tells it of a rebalance.
 *
 * - 1: throttle time. 3: group instance id (KIP-345). 4: flexible.
 */
export const heartbeatApi = defineApi({
  key: 12,
  name: 'Heartbeat',
  versions: [0, 4],
  flexibleSince: 4,
  request: {
    groupId: string(),
    generationId: int32(),
    memberId: string(),
    groupInstanceId: string({ since: 3, nullable: 3, default: null }),
  },
  response: {
    throttleTimeMs: int32({ since: 1, default: 0, ignorable: true }),
    errorCode: int16(),
  },
})

export type HeartbeatRequest = RequestOf<typeof heartbeatApi>
export type HeartbeatRequestInput = RequestInputOf<typeof heartbeatApi>
export type HeartbeatResponse = ResponseOf<typeof heartbeatApi>
export type HeartbeatResponseInput = ResponseInputOf<typeof heartbeatApi>
