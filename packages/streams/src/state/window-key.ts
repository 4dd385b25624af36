import { putInt64 } from '../int64-bytes.ts'
import type { StoreKeys } from './store-keys.ts'

const twoTo32 = 2 ** 32

/** Writes a time as int64, big-endian. @param timeMs integer within ±2^53 */
export function writeTime(bytes: Buffer, timeMs: number, at: number): void {
  putInt64(bytes, timeMs, at)
}

/** Reads an int64 as a number. @throws RangeError beyond ±2^53 */
export function readTime(bytes: Buffer, at: number): number {
  const time = bytes.readInt32BE(at) * twoTo32 + bytes.readUInt32BE(at + 4)
  if (Number.isSafeInteger(time)) return time
  throw new RangeError('A time beyond ±2^53 ms.')
}

/** The key of a window in its store's changelog: key, int64 start, int32 sequence 0. @see Kafka Streams `WindowKeySchema` */
export function windowChangelogKey<K>(keys: StoreKeys<K>, id: string, startMs: number): Buffer {
  const bytes = keys.bytesWithRoom(id, 12)
  const at = bytes.length - 12
  writeTime(bytes, startMs, at)
  bytes[at + 8] = bytes[at + 9] = bytes[at + 10] = bytes[at + 11] = 0
  return bytes
}

/** What `windowChangelogKey` wrote. */
export function readWindowChangelogKey(bytes: Buffer): {
  readonly key: Buffer
  readonly startMs: number
} {
  const at = suffixAt(bytes, 12)
  return { key: bytes.subarray(0, at), startMs: readTime(bytes, at) }
}

/** The key of a session in its store's changelog: key, int64 end, int64 start. @see Kafka Streams `SessionKeySchema` */
export function sessionChangelogKey<K>(
  keys: StoreKeys<K>,
  id: string,
  startMs: number,
  endMs: number,
): Buffer {
  const bytes = keys.bytesWithRoom(id, 16)
  const at = bytes.length - 16
  writeTime(bytes, endMs, at)
  writeTime(bytes, startMs, at + 8)
  return bytes
}

/** What `sessionChangelogKey` wrote. */
export function readSessionChangelogKey(bytes: Buffer): {
  readonly key: Buffer
  readonly startMs: number
  readonly endMs: number
} {
  const at = suffixAt(bytes, 16)
  return {
    key: bytes.subarray(0, at),
    endMs: readTime(bytes, at),
    startMs: readTime(bytes, at + 8),
  }
}

function suffixAt(bytes: Buffer, size: number): number {
  if (bytes.length >= size) return bytes.length - size
  throw new RangeError(`A windowed key of ${bytes.length} bytes; its times alone take ${size}.`)
}
