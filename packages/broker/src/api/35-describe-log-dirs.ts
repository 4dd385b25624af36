import {
  describeLogDirsApi,
  errorCodes,
  type DescribeLogDirsResponseInput,
} from '@millrace/protocol'
import { serve } from './served-api.ts'

/** DescribeLogDirs (key 35), versions 1–4: bytes of each partition in the one data directory. Not told: size of the volume (v4). */
export const describeLogDirs = serve({
  api: describeLogDirsApi,
  versions: [1, 4],
  handle: ({ topics }, { broker }): DescribeLogDirsResponseInput => {
    const wanted = topics && new Map(topics.map(({ topic, partitions }) => [topic, partitions]))
    const answers = []
    for (const topic of broker.topics.all) {
      const indexes = wanted === null ? topic.partitions.keys() : (wanted.get(topic.name) ?? [])
      const partitions = []
      for (const partitionIndex of indexes) {
        const log = topic.partitions[partitionIndex]
        if (log === undefined) continue
        const partitionSize = BigInt(log.sizeBytes)
        partitions.push({ partitionIndex, partitionSize, offsetLag: 0n, isFutureKey: false })
      }
      if (partitions.length > 0) answers.push({ name: topic.name, partitions })
    }
    return {
      errorCode: errorCodes.NONE,
      results: [{ errorCode: errorCodes.NONE, logDir: broker.directory, topics: answers }],
    }
  },
})
