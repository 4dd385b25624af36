import { SortedBytesMap } from './sorted-bytes-map.ts'
import type { PersistentBytes, StoreContext } from './store.ts'

/** Bytes and their timestamp. */
export interface StoredValue {
  readonly bytes: Buffer
  readonly timestamp: number
}

/** What a key-value store stands on: entries in the order of their keys, as unsigned bytes. */
export interface KeyValueBytes {
  readonly isPersistent: boolean
  readonly approximateEntryCount: number
  get(key: Buffer): StoredValue | undefined
  set(key: Buffer, value: StoredValue): void
  delete(key: Buffer): void
  /** From `from` to `to`, both inclusive, null being open. */
  range(
    from: Buffer | null,
    to: Buffer | null,
    isReverse?: boolean,
  ): Iterable<[Buffer, StoredValue]>
  close(): void
}

/** On disk where that is wanted and the task has a place there; else in memory. */
export function keyValueBytes(
  name: string,
  type: 'memory' | 'persistent',
  context: StoreContext,
): KeyValueBytes {
  return type === 'persistent' && context.environment
    ? onDisk(context.environment.open(name))
    : inMemory()
}

export function inMemory(): KeyValueBytes {
  const entries = new SortedBytesMap<StoredValue>()
  return {
    isPersistent: false,
    get approximateEntryCount() {
      return entries.size
    },
    get: (key) => entries.get(key),
    set: (key, value) => entries.set(key, value),
    delete: (key) => void entries.delete(key),
    range: (from, to, isReverse) => entries.range(from, to, isReverse),
    close: () => entries.clear(),
  }
}

const timestampBytes = 8
const twoTo32 = 2 ** 32

/** Values lie there as Java's timestamped stores have them: int64 timestamp, then the value. */
function onDisk(bytes: PersistentBytes): KeyValueBytes {
  return {
    isPersistent: true,
    get approximateEntryCount() {
      return bytes.approximateEntryCount
    },
    get(key) {
      const stored = bytes.get(key)
      return stored && decoded(stored)
    },
    set: (key, value) => bytes.put(key, encoded(value)),
    delete: (key) => bytes.delete(key),
    *range(from, to, isReverse) {
      for (const [key, stored] of bytes.range(from, to, isReverse)) yield [key, decoded(stored)]
    },
    // The environment is closed by who opened it.
    close() {},
  }
}

function encoded({ bytes, timestamp }: StoredValue): Buffer {
  const stored = Buffer.allocUnsafe(timestampBytes + bytes.length)
  const high = Math.floor(timestamp / twoTo32)
  stored.writeInt32BE(high)
  stored.writeUInt32BE(timestamp - high * twoTo32, 4)
  bytes.copy(stored, timestampBytes)
  return stored
}

function decoded(stored: Buffer): StoredValue {
  return {
    bytes: stored.subarray(timestampBytes),
    timestamp: stored.readInt32BE() * twoTo32 + stored.readUInt32BE(4),
  }
}
