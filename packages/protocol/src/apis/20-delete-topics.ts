import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../schema/api.ts'
import { int16, int32, list, string, structs, uuid } from '../schema/fields.ts'

/**
 * DeleteTopics (key 20), versions 1–6.
 *
 * - 1: throttle time. 3: TOPIC_DELETION_DISABLED possible. 4: flexible. 5: error message (KIP-599).
 * - 6: topics by name or by id, in another field than before (KIP-516).
 *
 * Left out: 0 (gone in Kafka 4).
 */
export const deleteTopicsApi = defineApi({
  key: 20,
  name: 'DeleteTopics',
  versions: [1, 6],
  flexibleSince: 4,
  request: {
    topics: structs(
      {
        name: string({ nullable: 0, default: null }),
        topicId: uuid(),
      },
      { since: 6 },
    ),
    topicNames: list(string(), { until: 5, ignorable: true }),
    timeoutMs: int32(),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    responses: structs({
      name: string({ nullable: 6 }),
      topicId: uuid({ since: 6, ignorable: true }),
      errorCode: int16(),
      errorMessage: string({ since: 5, nullable: 5, default: null, ignorable: true }),
    }),
  },
})

export type DeleteTopicsRequest = RequestOf<typeof deleteTopicsApi>
export type DeleteTopicsRequestInput = RequestInputOf<typeof deleteTopicsApi>
export type DeleteTopicsResponse = ResponseOf<typeof deleteTopicsApi>
export type DeleteTopicsResponseInput = ResponseInputOf<typeof deleteTopicsApi>
