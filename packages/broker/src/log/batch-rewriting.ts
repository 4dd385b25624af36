import {
  batchAttributeBits,
  batchAttributes,
  batchBaseTimestamp,
  batchChecksumFrom,
  batchCodec,
  batchHeaderBytes,
  batchMaxTimestamp,
  batchPrefixBytes,
  compress,
  crc32c,
  decompress,
  nextBatch,
  putVarint,
  putVarlong,
  varlongBytes,
} from '@millrace/protocol'
import type { RecordWalk } from './record-walk.ts'

/** Bytes that a record may grow by when its time is written anew. */
const MOST_GROWTH_BYTES = 16

/** What follows the header of the batch, unpacked. @throws ProtocolError */
export function unpackedRecords(batch: Buffer): Buffer {
  const codec = batchCodec(batch, 0)
  const records = batch.subarray(batchHeaderBytes)
  return codec === 0 ? records : decompress(codec, records)
}

/**
 * The same of a batch from disk: nothing is concluded from one that a bad disk has changed, and it is not sealed with a new checksum.
 * @throws ProtocolError
 */
export function verifiedRecords(batch: Buffer): Buffer {
  nextBatch(batch, 0)
  return unpackedRecords(batch)
}

/**
 * The batch with its records packed by another codec.
 * @throws ProtocolError when its records cannot be unpacked
 */
export function withCodec(batch: Buffer, codec: number): Buffer {
  const packed = compress(codec, unpackedRecords(batch))
  const result = Buffer.concat([batch.subarray(0, batchHeaderBytes), packed])
  setAttributes(result, (batchAttributeBits(batch, 0) & ~batchAttributes.codecMask) | codec)
  return seal(result)
}

/** The delete horizon of a batch: when its tombstones, or its marker, may go; undefined when it has none yet (KIP-534). */
export function deleteHorizonMs(batch: Buffer): number | undefined {
  return (batchAttributeBits(batch, 0) & batchAttributes.deleteHorizon) === 0
    ? undefined
    : batchBaseTimestamp(batch, 0)
}

/**
 * Gathers records of one batch that stay and makes the batch anew, with the same offsets, producer and codec. Records are copied as they
 * stand; only with a new delete horizon, which takes the place of the base time, their time deltas are written anew.
 */
export class BatchRewriter {
  #source: Buffer = Buffer.alloc(0)
  #records: Buffer = Buffer.alloc(0)
  #horizonMs: number | undefined
  #target: Buffer = Buffer.allocUnsafe(64 * 1024)
  #at = 0
  #count = 0
  #maxTimestampMs = -1

  /** @param horizonMs a new delete horizon; undefined leaves the batch with the one it has or has not */
  begin(batch: Buffer, records: Buffer, horizonMs: number | undefined): void {
    this.#source = batch
    this.#records = records
    this.#horizonMs = horizonMs
    this.#at = 0
    this.#count = 0
    this.#maxTimestampMs = -1
  }

  keep(record: RecordWalk): void {
    const size = record.end - record.start
    this.#reserve(size + MOST_GROWTH_BYTES)
    const timestampMs = batchBaseTimestamp(this.#source, 0) + record.timestampDelta
    if (timestampMs > this.#maxTimestampMs) this.#maxTimestampMs = timestampMs
    this.#count++
    if (this.#horizonMs === undefined) {
      this.#records.copy(this.#target, this.#at, record.start, record.end)
      this.#at += size
      return
    }
    const delta = timestampMs - this.#horizonMs
    const restBytes = record.end - record.afterTimestamp
    let at = putVarint(this.#target, this.#at, 1 + varlongBytes(delta) + restBytes)
    this.#target[at++] = 0
    at = putVarlong(this.#target, at, delta)
    this.#at = at + this.#records.copy(this.#target, at, record.afterTimestamp, record.end)
  }

  finish(): Buffer {
    const codec = batchCodec(this.#source, 0)
    const records = this.#target.subarray(0, this.#at)
    const batch = Buffer.concat([
      this.#source.subarray(0, batchHeaderBytes),
      codec === 0 ? records : compress(codec, records),
    ])
    const attributes = batchAttributeBits(batch, 0)
    if (this.#horizonMs !== undefined) {
      setAttributes(batch, attributes | batchAttributes.deleteHorizon)
      batch.writeBigInt64BE(BigInt(this.#horizonMs), 27)
    }
    // With LogAppendTime the highest time is the time of every record.
    if ((attributes & batchAttributes.logAppendTime) === 0)
      batch.writeBigInt64BE(BigInt(this.#maxTimestampMs), 35)
    batch.writeInt32BE(this.#count, 57)
    return seal(batch)
  }

  #reserve(count: number): void {
    if (this.#at + count <= this.#target.length) return
    const grown = Buffer.allocUnsafe(Math.max(this.#at + count, this.#target.length * 2))
    this.#target.copy(grown, 0, 0, this.#at)
    this.#target = grown
  }
}

/**
 * The batch without any record (Kafka: DefaultRecordBatch.writeEmptyHeader). Its offsets stay covered, and with `keepsProducer` its
 * producer's sequence stays known.
 */
export function emptyBatch(batch: Buffer, keepsProducer: boolean): Buffer {
  const result = Buffer.from(batch.subarray(0, batchHeaderBytes))
  const kept = batchAttributes.logAppendTime | batchAttributes.transactional
  setAttributes(result, keepsProducer ? batchAttributeBits(batch, 0) & kept : 0)
  result.writeBigInt64BE(-1n, 27)
  result.writeBigInt64BE(BigInt(batchMaxTimestamp(batch, 0)), 35)
  if (!keepsProducer) {
    result.writeBigInt64BE(-1n, 43)
    result.writeInt16BE(-1, 51)
    result.writeInt32BE(-1, 53)
  }
  result.writeInt32BE(0, 57)
  return seal(result)
}

function setAttributes(batch: Buffer, attributes: number): void {
  batch.writeInt16BE(attributes, 21)
}

/** Length and checksum. */
function seal(batch: Buffer): Buffer {
  batch.writeInt32BE(batch.length - batchPrefixBytes, 8)
  batch.writeUInt32BE(crc32c(batch, batchChecksumFrom), 17)
  return batch
}
