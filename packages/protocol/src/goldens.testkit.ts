import { readFileSync } from 'node:fs'
import { zstdDecompressSync } from 'node:zlib'
import { crc32c } from './records/crc32c.ts'

/** Length and CRC32C of bytes, as the oracle writes them. */
export type Digest = readonly [length: number, crc32c: number]

export interface MessageGolden {
  /** For example `ProduceRequest`. */
  readonly message: string
  readonly version: number
  readonly fill: 'LEAST' | 'MIXED' | 'FULL'
  readonly json: Readonly<Record<string, unknown>>
  readonly bytes: string
}

export interface BatchGolden {
  readonly batch: string
  readonly codec: number
  readonly baseOffset: number
  readonly lastOffset: number
  readonly leaderEpoch: number
  readonly crc: number
  readonly maxTimestamp: number
  readonly producerId: number
  readonly producerEpoch: number
  readonly baseSequence: number
  readonly transactional: boolean
  readonly control: boolean
  readonly logAppendTime: boolean
  readonly records: readonly {
    readonly offset: number
    readonly timestamp: number
    readonly key: Digest | null
    readonly value: Digest | null
    readonly headers: readonly (readonly [string, Digest | null])[]
  }[]
  readonly bytes: string
}

export interface CompressedGolden {
  readonly compressed: string
  readonly codec: number
  readonly bytes: string
  readonly plain: Digest
}

export interface HashGolden {
  readonly hash: string
  readonly crc32c: number
  readonly murmur2: number
  readonly partitionOf12: number
}

export interface ErrorGolden {
  readonly error: string
  readonly code: number
  readonly retriable: boolean
}

type Golden = MessageGolden | BatchGolden | CompressedGolden | HashGolden | ErrorGolden

/** Written by Apache Kafka's own classes: see `oracle/regenerate.ts`. */
const goldens: readonly Golden[] = zstdDecompressSync(
  readFileSync(new URL('../fixtures/kafka.jsonl.zst', import.meta.url)),
)
  .toString('utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as Golden)

export const messageGoldens = goldens.filter((golden) => 'message' in golden)
export const batchGoldens = goldens.filter((golden) => 'batch' in golden)
export const compressedGoldens = goldens.filter((golden) => 'compressed' in golden)
export const hashGoldens = goldens.filter((golden) => 'hash' in golden)
export const errorGoldens = goldens.filter((golden) => 'error' in golden)

export function digest(bytes: Uint8Array | null): Digest | null {
  return bytes === null ? null : [bytes.length, crc32c(bytes)]
}
