import { StreamsError } from './errors.ts'
import { putInt64 } from './int64-bytes.ts'
import { textBytes } from './text-bytes.ts'

/**
 * Turns values into bytes and back. A null key or value never reaches it: null is a record without key, or a tombstone.
 * Both directions must be pure; what `serialize` returns is kept and must not be changed afterwards.
 */
export interface Serde<T> {
  serialize(value: T): Buffer
  /** @param bytes a view that lives as long as it is held; not to be changed */
  deserialize(bytes: Buffer): T
  /**
   * As `deserialize` of the bytes from `start` to `end` (exclusive), where a serde can do without a view of them: a view costs as much as
   * reading a short text. Nothing of the source may be kept: its memory is used again.
   */
  deserializeAt?(source: Buffer, start: number, end: number): T
}

/** Whether a serde makes something of any bytes. */
export function readsAnything(serde: Serde<unknown>): boolean {
  return Object.is(serde, stringSerde) || Object.is(serde, bytesSerde)
}

/** Makes a value of the bytes from `start` to `end` (exclusive). */
export type RangeReader<T> = (source: Buffer, start: number, end: number) => T

/** How a serde reads a value where it stands among other bytes; undefined where it wants a view of its own. */
export function rangeReader<T>(serde: Serde<T>): RangeReader<T> | undefined {
  return serde.deserializeAt
    ? (source, start, end) => (serde as Required<Serde<T>>).deserializeAt(source, start, end)
    : undefined
}

/** UTF-8, as Kafka's `StringSerde`. */
export const stringSerde: Serde<string> = {
  serialize: (value) => (typeof value === 'string' ? textBytes(value, 0) : Buffer.from(value)),
  deserialize: (bytes) => bytes.toString('utf8'),
  deserializeAt: (source, start, end) => source.toString('utf8', start, end),
}

/** Bytes as they are. */
export const bytesSerde: Serde<Buffer> = {
  serialize: (value) => value,
  deserialize: (bytes) => bytes,
}

/** 64-bit integers, big-endian, as Kafka's `LongSerde`. */
export const int64Serde: Serde<bigint> = {
  serialize(value) {
    const bytes = Buffer.allocUnsafe(8)
    bytes.writeBigInt64BE(value)
    return bytes
  },
  deserialize: (bytes) => int64At(bytes, 0, bytes.length),
  deserializeAt: int64At,
}

function int64At(source: Buffer, start: number, end: number): bigint {
  checkSize(end - start, 8)
  return source.readBigInt64BE(start)
}

const twoTo32 = 2 ** 32

/**
 * Kafka's `LongSerde` for integers that a number holds exactly (±2^53): counts and times. A number outside, or with a fraction, is an
 * error in both directions.
 */
export const longSerde: Serde<number> = {
  serialize(value) {
    if (!Number.isSafeInteger(value))
      throw new RangeError(
        `${value} is not an integer within ±2^53; use int64Serde for larger ones.`,
      )
    const bytes = Buffer.allocUnsafe(8)
    putInt64(bytes, value, 0)
    return bytes
  },
  deserialize: (bytes) => longAt(bytes, 0, bytes.length),
  deserializeAt: longAt,
}

function longAt(source: Buffer, start: number, end: number): number {
  checkSize(end - start, 8)
  const value = source.readInt32BE(start) * twoTo32 + source.readUInt32BE(start + 4)
  if (!Number.isSafeInteger(value))
    throw new RangeError('The stored integer is beyond ±2^53; use int64Serde for it.')
  return value
}

/** 32-bit integers, big-endian, as Kafka's `IntegerSerde`. */
export const int32Serde: Serde<number> = {
  serialize(value) {
    const bytes = Buffer.allocUnsafe(4)
    bytes.writeInt32BE(value)
    return bytes
  },
  deserialize: (bytes) => int32At(bytes, 0, bytes.length),
  deserializeAt: int32At,
}

function int32At(source: Buffer, start: number, end: number): number {
  checkSize(end - start, 4)
  return source.readInt32BE(start)
}

/** 64-bit floating point, big-endian, as Kafka's `DoubleSerde`. */
export const doubleSerde: Serde<number> = {
  serialize(value) {
    const bytes = Buffer.allocUnsafe(8)
    bytes.writeDoubleBE(value)
    return bytes
  },
  deserialize: (bytes) => doubleAt(bytes, 0, bytes.length),
  deserializeAt: doubleAt,
}

function doubleAt(source: Buffer, start: number, end: number): number {
  checkSize(end - start, 8)
  return source.readDoubleBE(start)
}

/** JSON in UTF-8. What JSON cannot hold (`undefined`, a function) is an error. */
export function jsonSerde<T>(): Serde<T> {
  return {
    serialize(value) {
      const text = JSON.stringify(value) as string | undefined
      if (text === undefined)
        throw new TypeError(`JSON has no form for a value of type ${typeof value}.`)
      return Buffer.from(text, 'utf8')
    },
    deserialize: (bytes) => JSON.parse(bytes.toString('utf8')) as T,
    deserializeAt: (source, start, end) => JSON.parse(source.toString('utf8', start, end)) as T,
  }
}

function checkSize(sizeBytes: number, expectedBytes: number): void {
  if (sizeBytes !== expectedBytes)
    throw new RangeError(`${sizeBytes} bytes where ${expectedBytes} are expected.`)
}

/** @throws StreamsError `MR_STREAMS_NO_SERDE` where `serde` is undefined, naming who needs it and the option that gives it */
export function required<T>(
  serde: Serde<T> | undefined,
  of: 'key' | 'value',
  name: string,
  option: string = of,
): Serde<T> {
  if (serde) return serde
  throw new StreamsError(
    'MR_STREAMS_NO_SERDE',
    `"${name}" needs the serde of its ${of}s: what comes before it may have changed their type. Give it one with the option \`${option}\`.`,
    { name, of },
  )
}
