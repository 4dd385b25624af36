import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../schema/api.ts'
import { int16, int32, int8, list, string, structs } from '../schema/fields.ts'

/**
 * FindCoordinator (key 10), versions 0–6: which broker coordinates a group (key type 0) or a transactional id (1).
 *
 * - 1: key type, error message, throttle time (KIP-98). 3: flexible.
 * - 4: several keys at once, in other fields than before (KIP-699). 5: TRANSACTION_ABORTABLE (KIP-890).
 * - 6: key type 2, share groups (KIP-932).
 */
export const findCoordinatorApi = defineApi({
  key: 10,
  name: 'FindCoordinator',
  versions: [0, 6],
  flexibleSince: 3,
  request: {
    key: string({ until: 3 }),
    keyType: int8({ since: 1 }),
    coordinatorKeys: list(string(), { since: 4 }),
  },
  response: {
    throttleTimeMs: int32({ since: 1, default: 0, ignorable: true }),
    errorCode: int16({ until: 3 }),
    errorMessage: string({ since: 1, until: 3, nullable: 1, ignorable: true }),
    nodeId: int32({ until: 3 }),
    host: string({ until: 3 }),
    port: int32({ until: 3 }),
    coordinators: structs(
      {
        key: string(),
        nodeId: int32(),
        host: string(),
        port: int32(),
        errorCode: int16(),
        errorMessage: string({ nullable: 0 }),
      },
      { since: 4 },
    ),
  },
})

export type FindCoordinatorRequest = RequestOf<typeof findCoordinatorApi>
export type FindCoordinatorRequestInput = RequestInputOf<typeof findCoordinatorApi>
export type FindCoordinatorResponse = ResponseOf<typeof findCoordinatorApi>
export type FindCoordinatorResponseInput = ResponseInputOf<typeof findCoordinatorApi>
