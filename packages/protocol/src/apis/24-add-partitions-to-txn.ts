import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../schema/api.ts'
import { bool, int16, int32, int64, list, string, structs } from '../schema/fields.ts'

const addPartitionsToTxnTopic = {
  name: string(),
  partitions: list(int32()),
}

const addPartitionsToTxnPartitionResult = {
  partitionIndex: int32(),
  partitionErrorCode: int16(),
}

const addPartitionsToTxnTopicResult = {
  name: string(),
  resultsByPartition: structs(addPartitionsToTxnPartitionResult),
}

/**
 * AddPartitionsToTxn (key 24), versions 0–5: adds partitions to a transaction (KIP-98). All or nothing.
 *
 * - 2: PRODUCER_FENCED (KIP-588). 3: flexible.
 * - 4: several transactions at once, in other fields; meant for brokers, yet some clients send it. 5: TRANSACTION_ABORTABLE (KIP-890).
 */
export const addPartitionsToTxnApi = defineApi({
  key: 24,
  name: 'AddPartitionsToTxn',
  versions: [0, 5],
  flexibleSince: 3,
  request: {
    transactions: structs(
      {
        transactionalId: string(),
        producerId: int64(),
        producerEpoch: int16(),
        verifyOnly: bool({ default: false }),
        topics: structs(addPartitionsToTxnTopic),
      },
      { since: 4 },
    ),
    v3AndBelowTransactionalId: string({ until: 3 }),
    v3AndBelowProducerId: int64({ until: 3 }),
    v3AndBelowProducerEpoch: int16({ until: 3 }),
    v3AndBelowTopics: structs(addPartitionsToTxnTopic, { until: 3 }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16({ since: 4, ignorable: true }),
    resultsByTransaction: structs(
      {
        transactionalId: string(),
        topicResults: structs(addPartitionsToTxnTopicResult),
      },
      { since: 4 },
    ),
    resultsByTopicV3AndBelow: structs(addPartitionsToTxnTopicResult, { until: 3 }),
  },
})

export type AddPartitionsToTxnRequest = RequestOf<typeof addPartitionsToTxnApi>
export type AddPartitionsToTxnRequestInput = RequestInputOf<typeof addPartitionsToTxnApi>
export type AddPartitionsToTxnResponse = ResponseOf<typeof addPartitionsToTxnApi>
export type AddPartitionsToTxnResponseInput = ResponseInputOf<typeof addPartitionsToTxnApi>
