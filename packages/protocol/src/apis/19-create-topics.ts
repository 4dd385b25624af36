import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../schema/api.ts'
import { bool, int16, int32, int8, list, string, structs, uuid } from '../schema/fields.ts'

/**
 * CreateTopics (key 19), versions 2–7.
 *
 * - 4: partitions and replication factor -1 take the broker's defaults (KIP-464).
 * - 5: flexible; the response tells partitions, replication factor and configs (KIP-525).
 * - 6: THROTTLING_QUOTA_EXCEEDED possible (KIP-599). 7: topic id in the response (KIP-516).
 *
 * Left out: 0–1 (gone in Kafka 4).
 */
export const createTopicsApi = defineApi({
  key: 19,
  name: 'CreateTopics',
  versions: [2, 7],
  flexibleSince: 5,
  request: {
    topics: structs({
      name: string(),
      numPartitions: int32(),
      replicationFactor: int16(),
      assignments: structs({
        partitionIndex: int32(),
        brokerIds: list(int32()),
      }),
      configs: structs({
        name: string(),
        value: string({ nullable: 0 }),
      }),
    }),
    timeoutMs: int32({ default: 60_000 }),
    validateOnly: bool({ default: false }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    topics: structs({
      name: string(),
      topicId: uuid({ since: 7, ignorable: true }),
      errorCode: int16(),
      errorMessage: string({ nullable: 0 }),
      topicConfigErrorCode: int16({ since: 5, tag: 0, ignorable: true }),
      numPartitions: int32({ since: 5, default: -1, ignorable: true }),
      replicationFactor: int16({ since: 5, default: -1, ignorable: true }),
      configs: structs(
        {
          name: string(),
          value: string({ nullable: 0 }),
          readOnly: bool(),
          configSource: int8({ default: -1 }),
          isSensitive: bool(),
        },
        { since: 5, nullable: 5, ignorable: true },
      ),
    }),
  },
})

export type CreateTopicsRequest = RequestOf<typeof createTopicsApi>
export type CreateTopicsRequestInput = RequestInputOf<typeof createTopicsApi>
export type CreateTopicsResponse = ResponseOf<typeof createTopicsApi>
export type CreateTopicsResponseInput = ResponseInputOf<typeof createTopicsApi>
