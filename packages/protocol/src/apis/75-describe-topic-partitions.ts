import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../schema/api.ts'
import { bool, int16, int32, list, string, struct, structs, uuid } from '../schema/fields.ts'

/** Where a page begins. */
const cursor = { topicName: string(), partitionIndex: int32() }

/**
 * DescribeTopicPartitions (key 75), version 0: partitions of topics, page by page (KIP-966).
 */
export const describeTopicPartitionsApi = defineApi({
  key: 75,
  name: 'DescribeTopicPartitions',
  versions: [0, 0],
  flexibleSince: 0,
  request: {
    topics: structs({ name: string() }),
    responsePartitionLimit: int32({ default: 2000 }),
    cursor: struct(cursor, { nullable: 0, default: null }),
  },
  response: {
    throttleTimeMs: int32({ default: 0, ignorable: true }),
    topics: structs({
      errorCode: int16(),
      name: string({ nullable: 0 }),
      topicId: uuid(),
      isInternal: bool(),
      partitions: structs({
        errorCode: int16(),
        partitionIndex: int32(),
        leaderId: int32(),
        leaderEpoch: int32({ default: -1 }),
        replicaNodes: list(int32()),
        isrNodes: list(int32()),
        eligibleLeaderReplicas: list(int32(), { nullable: 0, default: null }),
        lastKnownElr: list(int32(), { nullable: 0, default: null }),
        offlineReplicas: list(int32()),
      }),
      topicAuthorizedOperations: int32({ default: -0x8000_0000 }),
    }),
    nextCursor: struct(cursor, { nullable: 0, default: null }),
  },
})

export type DescribeTopicPartitionsRequest = RequestOf<typeof describeTopicPartitionsApi>
export type DescribeTopicPartitionsRequestInput = RequestInputOf<typeof describeTopicPartitionsApi>
export type DescribeTopicPartitionsResponse = ResponseOf<typeof describeTopicPartitionsApi>
export type DescribeTopicPartitionsResponseInput = ResponseInputOf<
  typeof describeTopicPartitionsApi
>
