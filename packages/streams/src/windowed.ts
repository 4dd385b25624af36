import { partitionForKey } from '@millrace/kafka'
import { readTime, writeTime } from './state/window-key.ts'
import { stringSerde, type Serde } from './serde.ts'
import { textBytes } from './text-bytes.ts'
import type { StreamPartitioner } from './topology/topology.ts'

/** A window of time, ms since the epoch. The end is exclusive in tumbling and hopping windows, inclusive in sliding and session ones. */
export interface Window {
  readonly startMs: number
  readonly endMs: number
}

/** The key of a windowed table: a key in a window. */
export interface Windowed<K> {
  readonly key: K
  readonly window: Window
}

/** A serde of windowed keys. A sink that has one sends records to the partition of the key inside, so that a key's windows lie together. */
export interface WindowedSerde<K> extends Serde<Windowed<K>> {
  readonly windowedKey: Serde<K>
}

/**
 * Windowed keys of tumbling, hopping and sliding windows in a topic: the key's bytes and the start as int64.
 * @param sizeMs what is added to the start for the end, ms: the windows' `sizeMs`, or `differenceMs`; the bytes do not hold it
 * @see Kafka Streams `TimeWindowedSerializer`, `TimeWindowedDeserializer`
 */
export function timeWindowedSerde<K>(key: Serde<K>, sizeMs: number): WindowedSerde<K> {
  return {
    windowedKey: key,
    serialize(windowed) {
      const bytes = bytesWithRoom(key, windowed.key, 8)
      writeTime(bytes, windowed.window.startMs, bytes.length - 8)
      return bytes
    },
    deserialize(bytes) {
      const at = innerLength(bytes, 8)
      const startMs = readTime(bytes, at)
      return {
        key: key.deserialize(bytes.subarray(0, at)),
        window: { startMs, endMs: startMs + sizeMs },
      }
    },
  }
}

/**
 * Windowed keys of sessions in a topic: the key's bytes, the end and the start as int64.
 * @see Kafka Streams `SessionWindowedSerializer`, `SessionKeySchema`
 */
export function sessionWindowedSerde<K>(key: Serde<K>): WindowedSerde<K> {
  return {
    windowedKey: key,
    serialize({ key: inner, window }) {
      const bytes = bytesWithRoom(key, inner, 16)
      writeTime(bytes, window.endMs, bytes.length - 16)
      writeTime(bytes, window.startMs, bytes.length - 8)
      return bytes
    },
    deserialize(bytes) {
      const at = innerLength(bytes, 16)
      return {
        key: key.deserialize(bytes.subarray(0, at)),
        window: { startMs: readTime(bytes, at + 8), endMs: readTime(bytes, at) },
      }
    },
  }
}

/** The partitioner that a sink gets with windowed keys and without a partitioner of its own; undefined with other keys. */
export function windowedPartitioner(
  key: Serde<unknown> | undefined,
): StreamPartitioner | undefined {
  if (!key || !('windowedKey' in key)) return undefined
  const { windowedKey } = key as unknown as WindowedSerde<unknown>
  const isText = Object.is(windowedKey, stringSerde)
  return (_topic, windowed, _value, partitionCount) => {
    const { key: inner } = windowed as Windowed<unknown>
    // Text is hashed without a buffer of its own.
    const hashed = isText && typeof inner === 'string' ? inner : windowedKey.serialize(inner)
    return partitionForKey(hashed, partitionCount)
  }
}

/** A key's bytes with `room` behind them that the caller fills. */
function bytesWithRoom<K>(serde: Serde<K>, key: K, room: number): Buffer {
  // Text is written where it belongs, without a copy in between.
  if (typeof key === 'string' && Object.is(serde, stringSerde)) return textBytes(key, room)
  const inner = serde.serialize(key)
  const bytes = Buffer.allocUnsafe(inner.length + room)
  inner.copy(bytes)
  return bytes
}

function innerLength(bytes: Buffer, suffixSize: number): number {
  if (bytes.length >= suffixSize) return bytes.length - suffixSize
  throw new RangeError(
    `${bytes.length} bytes are no windowed key: its times alone take ${suffixSize}.`,
  )
}
