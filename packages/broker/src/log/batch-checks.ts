import {
  ProtocolError,
  batchAttributes,
  batchAttributeBits,
  batchBaseSequence,
  batchChecksumFrom,
  batchCodec,
  batchCrc,
  batchHeaderBytes,
  batchLastOffsetDelta,
  batchMagic,
  batchMaxTimestamp,
  batchProducerEpoch,
  batchProducerId,
  batchRecordCount,
  batchSizeBytes,
  crc32c,
  errorCodes,
  isBatchControl,
  isBatchTransactional,
} from '@millrace/protocol'
import { withCodec } from './batch-rewriting.ts'
import type { CheckedBatch } from './partition-log.ts'
import { lastSequenceOf } from './producer-states.ts'
import { examineRecords, type RecordFindings } from './record-checks.ts'

/** The topic settings that decide what is taken. */
export interface ProduceSettings {
  readonly maxRecordBytes: number
  readonly stampsOnAppend: boolean
  /** How far in the future a record's time may lie, ms [message.timestamp.after.max.ms]. */
  readonly timestampAfterMaxMs: number
  readonly timestampBeforeMaxMs: number
  /** Compaction goes by key, so a compacted topic takes no record without one. */
  readonly needsKeys: boolean
  /** Codec that batches are stored in; undefined keeps what the producer chose [compression.type]. */
  readonly storedCodec: number | undefined
}

/** A refused batch: Kafka's code and a sentence for the client's log. */
export interface Refusal {
  readonly errorCode: number
  readonly text: string
  /** Records of the batch that are at fault, by position; where it is not the whole batch. */
  readonly recordIndexes?: readonly number[]
}

const ZSTD = 4
/** zstd came with Produce v7 (KIP-110). */
const ZSTD_VERSION = 7
const HIGHEST_CODEC = 4

/**
 * Checks what a client wants appended to one partition (Kafka: LogValidator, UnifiedLog.analyzeAndValidateRecords).
 * The records are looked over, not decoded, and passed through as they came.
 */
export function checkBatch(
  bytes: Buffer | null,
  settings: ProduceSettings,
  apiVersion: number,
  nowMs: number,
): CheckedBatch | Refusal {
  if (bytes === null || bytes.length === 0)
    return refuse(errorCodes.INVALID_RECORD, 'There are no records for the partition.')
  if (bytes.length < batchHeaderBytes)
    return refuse(errorCodes.INVALID_RECORD, 'The records are shorter than a batch header.')
  if (batchMagic(bytes, 0) !== 2)
    return refuse(errorCodes.UNSUPPORTED_FOR_MESSAGE_FORMAT, 'Only record format v2 is taken.')
  const sizeBytes = batchSizeBytes(bytes, 0)
  if (sizeBytes < batchHeaderBytes)
    return refuse(errorCodes.CORRUPT_MESSAGE, 'The batch length is less than a header.')
  if (sizeBytes !== bytes.length)
    return refuse(errorCodes.INVALID_RECORD, 'A partition takes exactly one whole batch.')
  if (sizeBytes > settings.maxRecordBytes) {
    const text = `The batch of ${sizeBytes} bytes is larger than max.message.bytes, ${settings.maxRecordBytes}.`
    return refuse(errorCodes.MESSAGE_TOO_LARGE, text)
  }
  if (crc32c(bytes, batchChecksumFrom, sizeBytes) !== batchCrc(bytes, 0))
    return refuse(errorCodes.CORRUPT_MESSAGE, 'The checksum of the batch does not agree.')
  return (
    checkHeader(bytes, apiVersion) ??
    checkRecords(bytes, settings, nowMs) ??
    recode(bytes, settings, nowMs)
  )
}

function checkHeader(bytes: Buffer, apiVersion: number): Refusal | undefined {
  const count = batchRecordCount(bytes, 0)
  if (count < 1 || count !== batchLastOffsetDelta(bytes, 0) + 1)
    return refuse(errorCodes.INVALID_RECORD, 'The record count does not agree with the offsets.')
  if (isBatchControl(bytes, 0))
    return refuse(errorCodes.INVALID_RECORD, 'Clients may not write control batches.')
  const codec = batchCodec(bytes, 0)
  if (codec > HIGHEST_CODEC)
    return refuse(errorCodes.INVALID_RECORD, `There is no compression codec ${codec}.`)
  if (codec === ZSTD && apiVersion < ZSTD_VERSION)
    return refuse(errorCodes.UNSUPPORTED_COMPRESSION_TYPE, 'zstd needs Produce v7 or later.')
  const producerId = batchProducerId(bytes, 0)
  if (producerId < 0)
    return isBatchTransactional(bytes, 0)
      ? refuse(errorCodes.INVALID_RECORD, 'A transactional batch needs a producer id.')
      : undefined
  if (producerId > Number.MAX_SAFE_INTEGER)
    return refuse(errorCodes.INVALID_RECORD, 'The producer id was not given out by this broker.')
  if (batchProducerEpoch(bytes, 0) < 0 || batchBaseSequence(bytes, 0) < 0)
    return refuse(errorCodes.INVALID_RECORD, 'The producer epoch or sequence is negative.')
  return undefined
}

/** Every record, by its form and by the rules of the topic. What it finds wrong with the header's highest time it mends, as Kafka does. */
function checkRecords(
  bytes: Buffer,
  settings: ProduceSettings,
  nowMs: number,
): Refusal | undefined {
  const { needsKeys, stampsOnAppend, timestampAfterMaxMs, timestampBeforeMaxMs } = settings
  const earliestMs = stampsOnAppend ? -Infinity : Math.max(0, nowMs - timestampBeforeMaxMs)
  const latestMs = stampsOnAppend ? Infinity : nowMs + timestampAfterMaxMs
  let found: RecordFindings
  try {
    found = examineRecords(bytes, { needsKeys, earliestMs, latestMs })
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
    return refuse(errorCodes.INVALID_RECORD, error.message)
  }
  if (found.mistimed.length > 0) {
    const text = `A record's time is outside ${earliestMs} to ${latestMs}, which is what the topic takes at the broker's time ${nowMs}.`
    return { errorCode: errorCodes.INVALID_TIMESTAMP, text, recordIndexes: found.mistimed }
  }
  if (found.keyless.length > 0) {
    const text = 'A compacted topic cannot accept a record without key.'
    return { errorCode: errorCodes.INVALID_RECORD, text, recordIndexes: found.keyless }
  }
  if (!stampsOnAppend && found.highestTimestampMs !== batchMaxTimestamp(bytes, 0))
    setHighestTime(bytes, found.highestTimestampMs)
  return undefined
}

/** `compression.type`: what comes in another codec is packed anew, and must still fit. */
function recode(bytes: Buffer, settings: ProduceSettings, nowMs: number): CheckedBatch | Refusal {
  const { storedCodec, maxRecordBytes } = settings
  if (storedCodec === undefined || storedCodec === batchCodec(bytes, 0))
    return accept(bytes, settings, nowMs)
  let stored: Buffer
  try {
    stored = withCodec(bytes, storedCodec)
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
    return refuse(errorCodes.INVALID_RECORD, error.message)
  }
  if (stored.length > maxRecordBytes) {
    const text = `The batch of ${stored.length} bytes, as compression.type wants it, is larger than max.message.bytes, ${maxRecordBytes}.`
    return refuse(errorCodes.MESSAGE_TOO_LARGE, text)
  }
  return accept(stored, settings, nowMs)
}

function accept(bytes: Buffer, settings: ProduceSettings, nowMs: number): CheckedBatch {
  if (settings.stampsOnAppend) stamp(bytes, nowMs)
  const producerId = batchProducerId(bytes, 0)
  const lastOffsetDelta = batchLastOffsetDelta(bytes, 0)
  const firstSequence = batchBaseSequence(bytes, 0)
  return {
    bytes,
    lastOffsetDelta,
    maxTimestampMs: batchMaxTimestamp(bytes, 0),
    // platformatic's plain batches carry epoch 0 and sequence 0: the id alone tells.
    producerId: producerId < 0 ? -1 : producerId,
    producerEpoch: batchProducerEpoch(bytes, 0),
    firstSequence,
    lastSequence: lastSequenceOf(firstSequence, lastOffsetDelta),
    isTransactional: isBatchTransactional(bytes, 0),
  }
}

/** LogAppendTime: the batch's highest time becomes the broker's, and both fields lie under the checksum. */
function stamp(bytes: Buffer, nowMs: number): void {
  bytes.writeInt16BE(batchAttributeBits(bytes, 0) | batchAttributes.logAppendTime, 21)
  setHighestTime(bytes, nowMs)
}

function setHighestTime(bytes: Buffer, timestampMs: number): void {
  bytes.writeBigInt64BE(BigInt(timestampMs), 35)
  bytes.writeUInt32BE(crc32c(bytes, batchChecksumFrom, bytes.length), 17)
}

function refuse(errorCode: number, text: string): Refusal {
  return { errorCode, text }
}
