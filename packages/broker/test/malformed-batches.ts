import {
  batchChecksumFrom,
  batchHeaderBytes,
  batchPrefixBytes,
  compress,
  crc32c,
  putVarint,
  putVarlong,
} from '@millrace/protocol'
import { recordBatch } from './batches.ts'

/** One record, of which any part may be a lie. */
interface RecordParts {
  readonly length?: number
  readonly timestampDelta?: number
  readonly offsetDelta?: number
  readonly keyLength?: number
  readonly valueLength?: number
  readonly headerCount?: number
  /** What follows the header count. */
  readonly rest?: Buffer
}

function varint(value: number): Buffer {
  const bytes = Buffer.alloc(5)
  return bytes.subarray(0, putVarint(bytes, 0, value))
}

function varlong(value: number): Buffer {
  const bytes = Buffer.alloc(10)
  return bytes.subarray(0, putVarlong(bytes, 0, value))
}

/** With key `k` and value `v`. */
export function recordOf(parts: RecordParts = {}): Buffer {
  const { timestampDelta = 0, offsetDelta = 0, keyLength = 1, valueLength = 1 } = parts
  const body = Buffer.concat([
    Buffer.from([0]),
    varlong(timestampDelta),
    varint(offsetDelta),
    varint(keyLength),
    Buffer.from('k'),
    varint(valueLength),
    Buffer.from('v'),
    varint(parts.headerCount ?? 0),
    parts.rest ?? Buffer.alloc(0),
  ])
  return Buffer.concat([varint(parts.length ?? body.length), body])
}

export interface BatchParts {
  readonly records: Buffer
  readonly count: number
  readonly timestampMs: number
  readonly maxTimestampMs?: number
  readonly codec?: number
}

/** The records under a header and a right checksum. With a codec they are taken as packed already. */
export function batchOf(parts: BatchParts): Buffer {
  const { records, count, timestampMs, maxTimestampMs = timestampMs, codec = 0 } = parts
  const header = recordBatch({ values: ['v'], timestampsMs: [timestampMs] })
  const batch = Buffer.concat([header.subarray(0, batchHeaderBytes), records])
  batch.writeInt32BE(batch.length - batchPrefixBytes, 8)
  batch.writeInt16BE(codec, 21)
  batch.writeInt32BE(count - 1, 23)
  batch.writeBigInt64BE(BigInt(maxTimestampMs), 35)
  batch.writeInt32BE(count, 57)
  batch.writeUInt32BE(crc32c(batch, batchChecksumFrom), 17)
  return batch
}

interface MalformedRecords {
  readonly name: string
  readonly records: Buffer
  readonly count?: number
  readonly codec?: number
}

const good = recordOf()
const two = Buffer.concat([good, recordOf({ offsetDelta: 1 })])
const fiveBytes = Buffer.from('ffffffffff', 'hex')

/** Records that are not what their header promises. */
export const malformedRecords: readonly MalformedRecords[] = [
  { name: 'fewer records than the header says', records: good, count: 2 },
  { name: 'more records than the header says', records: two, count: 1 },
  { name: 'no records at all', records: Buffer.alloc(0), count: 1 },
  { name: 'a record longer than the batch', records: recordOf({ length: 1_000 }) },
  { name: 'a record of a negative length', records: recordOf({ length: -2 }) },
  { name: 'a record shorter than its fields', records: recordOf({ length: 7 }) },
  {
    name: 'a record longer than its fields',
    records: recordOf({ rest: Buffer.from('more') }),
  },
  { name: 'a record cut off', records: good.subarray(0, -1) },
  { name: 'a key longer than its record', records: recordOf({ keyLength: 100 }) },
  { name: 'a key of a negative length', records: recordOf({ keyLength: -2 }) },
  { name: 'a value longer than its record', records: recordOf({ valueLength: 100 }) },
  { name: 'a value of a negative length', records: recordOf({ valueLength: -2 }) },
  { name: 'headers that are not there', records: recordOf({ headerCount: 3 }) },
  { name: 'a negative number of headers', records: recordOf({ headerCount: -1 }) },
  {
    name: 'a header without a name',
    records: recordOf({ headerCount: 1, rest: Buffer.concat([varint(-1), varint(-1)]) }),
  },
  {
    name: 'a header longer than its record',
    records: recordOf({ headerCount: 1, rest: Buffer.concat([varint(50), Buffer.from('name')]) }),
  },
  ...[1, 2, 3, 4].flatMap((codec) => [
    {
      name: `packed by codec ${codec}: fewer records than the header says`,
      records: compress(codec, good),
      count: 2,
      codec,
    },
    {
      name: `packed by codec ${codec}: a value longer than its record`,
      records: compress(codec, recordOf({ valueLength: 100 })),
      codec,
    },
  ]),
]

/** A number of more bytes than any has. */
export const endlessNumber = Buffer.concat([fiveBytes, fiveBytes, good])

/** Bytes that no codec has written. */
export const packedGarbage: readonly MalformedRecords[] = [1, 2, 3, 4].map((codec) => ({
  name: `codec ${codec}`,
  records: Buffer.from('this is not what a codec writes, whichever it is said to be'),
  codec,
}))

/** Records whose offsets are not 0, 1, …, which is what every reader takes them to be. */
export const wrongOffsets: readonly MalformedRecords[] = [
  { name: 'two records at one offset', records: Buffer.concat([good, good]), count: 2 },
  {
    name: 'an offset left out',
    records: Buffer.concat([good, recordOf({ offsetDelta: 2 })]),
    count: 2,
  },
  { name: 'a negative offset', records: recordOf({ offsetDelta: -1 }) },
]
