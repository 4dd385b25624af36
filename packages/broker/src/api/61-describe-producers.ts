import {
  describeProducersApi,
  errorCodes,
  type DescribeProducersResponseInput,
} from '@millrace/protocol'
import type { PartitionLog } from '../log/partition-log.ts'
import { serve } from './served-api.ts'

/**
 * DescribeProducers (key 61), version 0: the producers that a partition remembers, and where the open transaction of each begins (KIP-664).
 * The last timestamp is when the broker last heard of the producer. The coordinator's epoch is always 0.
 */
export const describeProducers = serve({
  api: describeProducersApi,
  versions: [0, 0],
  handle: ({ topics }, { broker }): DescribeProducersResponseInput => ({
    topics: topics.map(({ name, partitionIndexes }) => ({
      name,
      partitions: partitionIndexes.map((partitionIndex) => {
        const log = broker.topics.byName(name)?.partitions[partitionIndex]
        return log === undefined
          ? {
              partitionIndex,
              errorCode: errorCodes.UNKNOWN_TOPIC_OR_PARTITION,
              activeProducers: [],
            }
          : { partitionIndex, errorCode: errorCodes.NONE, activeProducers: producersOf(log) }
      }),
    })),
  }),
})

type Producers =
  DescribeProducersResponseInput['topics'][number]['partitions'][number]['activeProducers']

function producersOf(log: PartitionLog): Producers {
  return [...log.producers].map(({ producerId, epoch, lastSequence, lastSeenMs }) => ({
    producerId: BigInt(producerId),
    producerEpoch: epoch,
    lastSequence,
    lastTimestamp: BigInt(lastSeenMs),
    coordinatorEpoch: 0,
    currentTxnStartOffset: BigInt(log.openTransactionOf(producerId)?.firstOffset ?? -1),
  }))
}
