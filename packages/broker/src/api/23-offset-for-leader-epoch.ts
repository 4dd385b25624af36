import {
  errorCodes,
  offsetForLeaderEpochApi,
  type OffsetForLeaderEpochResponseInput,
} from '@millrace/protocol'
import { serve } from './served-api.ts'

/**
 * OffsetForLeaderEpoch (key 23), versions 2–4: Java and librdkafka check their position with it after metadata changed (KIP-320). There is
 * one epoch, 0, which ends where the log ends.
 */
export const offsetForLeaderEpoch = serve({
  api: offsetForLeaderEpochApi,
  versions: [2, 4],
  handle: ({ topics }, { broker }): OffsetForLeaderEpochResponseInput => ({
    topics: topics.map(({ topic, partitions }) => ({
      topic,
      partitions: partitions.map(({ partition, currentLeaderEpoch, leaderEpoch }) => {
        const log = broker.topics.byName(topic)?.partitions[partition]
        if (log === undefined)
          return { partition, errorCode: errorCodes.UNKNOWN_TOPIC_OR_PARTITION }
        if (currentLeaderEpoch > 0) return { partition, errorCode: errorCodes.UNKNOWN_LEADER_EPOCH }
        // An epoch that never was: neither it nor its end are known.
        if (leaderEpoch !== 0) return { partition, errorCode: errorCodes.NONE }
        const endOffset = BigInt(log.highWatermark)
        return { partition, errorCode: errorCodes.NONE, leaderEpoch: 0, endOffset }
      }),
    })),
  }),
})
