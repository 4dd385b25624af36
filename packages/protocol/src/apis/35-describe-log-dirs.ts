import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../schema/api.ts'
import { bool, int16, int32, int64, list, string, structs } from '../schema/fields.ts'

/**
 * DescribeLogDirs (key 35), versions 1–4: sizes of partitions on disk (KIP-113).
 *
 * - 2: flexible. 3: top-level error. 4: total and usable bytes of the volume (KIP-827).
 *
 * Left out: 0 (gone in Kafka 4).
 */
export const describeLogDirsApi = defineApi({
  key: 35,
  name: 'DescribeLogDirs',
  versions: [1, 4],
  flexibleSince: 2,
  request: {
    topics: structs(
      {
        topic: string(),
        partitions: list(int32()),
      },
      { nullable: 0 },
    ),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16({ since: 3, ignorable: true }),
    results: structs({
      errorCode: int16(),
      logDir: string(),
      topics: structs({
        name: string(),
        partitions: structs({
          partitionIndex: int32(),
          partitionSize: int64(),
          offsetLag: int64(),
          isFutureKey: bool(),
        }),
      }),
      totalBytes: int64({ since: 4, default: -1n, ignorable: true }),
      usableBytes: int64({ since: 4, default: -1n, ignorable: true }),
    }),
  },
})

export type DescribeLogDirsRequest = RequestOf<typeof describeLogDirsApi>
export type DescribeLogDirsRequestInput = RequestInputOf<typeof describeLogDirsApi>
export type DescribeLogDirsResponse = ResponseOf<typeof describeLogDirsApi>
export type DescribeLogDirsResponseInput = ResponseInputOf<typeof describeLogDirsApi>
