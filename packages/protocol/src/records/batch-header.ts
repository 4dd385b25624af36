/**
 * Header of a record batch of format v2 (KIP-98), 61 bytes, read and set in place: functions over a Buffer and the
 * position of the batch, no object per batch. Numbers only: offsets, timestamps and producer ids are below 2^53 in any
 * log that ever was; a header that claims more reads as an inexact number and fails `nextBatch`'s checks.
 *
 *      0  baseOffset       int64    outside the checksum, the broker sets it in place
 *      8  batchLength      int32    bytes after this field
 *     12  leaderEpoch      int32    outside the checksum, the broker sets it in place
 *     16  magic            int8     2
 *     17  crc              uint32   CRC32C of everything from 21 on
 *     21  attributes       int16    bits 0–2 codec, 3 LogAppendTime, 4 transactional, 5 control, 6 delete horizon
 *     23  lastOffsetDelta  int32
 *     27  baseTimestamp    int64    (the delete horizon, when bit 6 is set: KIP-534)
 *     35  maxTimestamp     int64
 *     43  producerId       int64    -1: neither idempotent nor transactional
 *     51  producerEpoch    int16
 *     53  baseSequence     int32
 *     57  recordCount      int32
 *     61  records
 */
export const batchHeaderBytes = 61
/** Bytes before `batchLength` begins to count: a batch is `12 + batchLength` bytes long. */
export const batchPrefixBytes = 12
/** First byte under the checksum. */
export const batchChecksumFrom = 21

export const batchAttributes = {
  codecMask: 0x07,
  logAppendTime: 0x08,
  transactional: 0x10,
  control: 0x20,
  deleteHorizon: 0x40,
} as const

export function batchBaseOffset(buffer: Buffer, at: number): number {
  return getInt64(buffer, at)
}

/** Whole size with the 12 bytes of prefix. Unchecked: may be nonsense before `nextBatch` has seen the batch. */
export function batchSizeBytes(buffer: Buffer, at: number): number {
  return batchPrefixBytes + buffer.readInt32BE(at + 8)
}

export function batchLeaderEpoch(buffer: Buffer, at: number): number {
  return buffer.readInt32BE(at + 12)
}

export function batchMagic(buffer: Buffer, at: number): number {
  return buffer.readInt8(at + 16)
}

/** The stored checksum, unsigned. */
export function batchCrc(buffer: Buffer, at: number): number {
  return buffer.readUInt32BE(at + 17)
}

export function batchAttributeBits(buffer: Buffer, at: number): number {
  return buffer.readInt16BE(at + 21)
}

/** Codec number, see `compressionCodecs`. */
export function batchCodec(buffer: Buffer, at: number): number {
  return buffer[at + 22]! & batchAttributes.codecMask
}

export function isBatchTransactional(buffer: Buffer, at: number): boolean {
  return (buffer[at + 22]! & batchAttributes.transactional) !== 0
}

/** A control batch holds a commit or abort marker, not records for consumers. */
export function isBatchControl(buffer: Buffer, at: number): boolean {
  return (buffer[at + 22]! & batchAttributes.control) !== 0
}

export function batchLastOffsetDelta(buffer: Buffer, at: number): number {
  return buffer.readInt32BE(at + 23)
}

/** Offset of the batch's last record, whether or not compaction has kept it. */
export function batchLastOffset(buffer: Buffer, at: number): number {
  return getInt64(buffer, at) + buffer.readInt32BE(at + 23)
}

export function batchBaseTimestamp(buffer: Buffer, at: number): number {
  return getInt64(buffer, at + 27)
}

export function batchMaxTimestamp(buffer: Buffer, at: number): number {
  return getInt64(buffer, at + 35)
}

export function batchProducerId(buffer: Buffer, at: number): number {
  return getInt64(buffer, at + 43)
}

export function batchProducerEpoch(buffer: Buffer, at: number): number {
  return buffer.readInt16BE(at + 51)
}

export function batchBaseSequence(buffer: Buffer, at: number): number {
  return buffer.readInt32BE(at + 53)
}

export function batchRecordCount(buffer: Buffer, at: number): number {
  return buffer.readInt32BE(at + 57)
}

/** Outside the checksum: nothing else changes. */
export function setBatchBaseOffset(buffer: Buffer, at: number, offset: number): void {
  putInt64(buffer, at, offset)
}

/** Outside the checksum: nothing else changes. */
export function setBatchLeaderEpoch(buffer: Buffer, at: number, epoch: number): void {
  buffer.writeInt32BE(epoch, at + 12)
}

/** A signed 64-bit integer as a number: exact to 2^53. */
export function getInt64(buffer: Buffer, at: number): number {
  return buffer.readInt32BE(at) * 0x1_0000_0000 + buffer.readUInt32BE(at + 4)
}

export function putInt64(buffer: Buffer, at: number, value: number): void {
  buffer.writeInt32BE(Math.floor(value / 0x1_0000_0000), at)
  buffer.writeUInt32BE(value >>> 0, at + 4)
}
