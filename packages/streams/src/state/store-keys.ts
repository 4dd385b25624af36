import { stringSerde, type Serde } from '../serde.ts'
import { textBytes } from '../text-bytes.ts'

/**
 * Keys of a store as strings, which a `Map` finds fast: two keys have the same id exactly if their bytes are equal.
 */
export interface StoreKeys<K> {
  idOf(key: K): string
  idOfBytes(bytes: Buffer): string
  keyOf(id: string): K
  /** The key's bytes with `room` bytes behind them that the caller fills. */
  bytesWithRoom(id: string, room: number): Buffer
  /** In the order of the keys' bytes, unsigned. */
  readonly compare: (left: string, right: string) => number
}

export function storeKeys<K>(serde: Serde<K>): StoreKeys<K> {
  return Object.is(serde, stringSerde)
    ? (textKeys as StoreKeys<unknown> as StoreKeys<K>)
    : bytesKeys(serde)
}

/** A string is its own id: nothing is encoded to look it up. Lone surrogates have one byte form (U+FFFD), hence `toWellFormed`. */
const textKeys: StoreKeys<string> = {
  idOf: (key) => key.toWellFormed(),
  idOfBytes: (bytes) => bytes.toString('utf8'),
  keyOf: (id) => id,
  bytesWithRoom: textBytes,
  compare(left, right) {
    const length = Math.min(left.length, right.length)
    for (let at = 0; at < length; at++) {
      const difference = utf8Rank(left.charCodeAt(at)) - utf8Rank(right.charCodeAt(at))
      if (difference !== 0) return difference
    }
    return left.length - right.length
  },
}

/** UTF-16 puts U+E000 to U+FFFF behind the surrogates of what follows them; UTF-8 does not. */
function utf8Rank(unit: number): number {
  if (unit < 0xd800) return unit
  return unit >= 0xe000 ? unit - 0x800 : unit + 0x2000
}

/** One character a byte. */
function bytesKeys<K>(serde: Serde<K>): StoreKeys<K> {
  return {
    idOf: (key) => serde.serialize(key).toString('latin1'),
    idOfBytes: (bytes) => bytes.toString('latin1'),
    keyOf: (id) => serde.deserialize(Buffer.from(id, 'latin1')),
    bytesWithRoom(id, room) {
      const bytes = Buffer.allocUnsafe(id.length + room)
      bytes.write(id, 0, id.length, 'latin1')
      return bytes
    },
    compare: (left, right) => (left < right ? -1 : left > right ? 1 : 0),
  }
}
