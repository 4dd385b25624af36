import {
  errorCodes,
  offsetForLeaderEpochApi,
  type OffsetForLeaderEpochResponseInput,
} from '@millrace/protocol'
import { serve } from './served-api.ts'

/**
 * OffsetForLeaderEpoch (key 23), versions 2–4: Java and librdkafka check their position with it after metadata changed (KIP-320). The
 * present epoch ends where the log ends, an earlier one where the next begins.
 */
export const offsetForLeaderEpoch = serve({
  api: offsetForLeaderEpochApi,
  versions: [2, 4],
  handle: ({ topics }, { broker }): OffsetForLeaderEpochResponseInput => ({
    topics: topics.map(({ topic, partitions }) => ({
      topic,
      partitions: partitions.map(({ partition, currentLeaderEpoch, leaderEpoch }) => {
        const found = broker.topics.byName(topic)
        if (found?.partitions[partition] === undefined)
          return { partition, errorCode: errorCodes.UNKNOWN_TOPIC_OR_PARTITION }
        const errorCode = broker.cluster.faultOfEpoch(found, partition, currentLeaderEpoch)
        if (errorCode !== errorCodes.NONE) return { partition, errorCode }
        const end = broker.cluster.endOfEpoch(found, partition, leaderEpoch)
        // An epoch that never was: neither it nor its end are known.
        if (end === undefined) return { partition, errorCode }
        return { partition, errorCode, leaderEpoch: end.epoch, endOffset: BigInt(end.endOffset) }
      }),
    })),
  }),
})
