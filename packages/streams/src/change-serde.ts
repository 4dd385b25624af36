import type { Change } from './record.ts'
import type { Serde } from './serde.ts'

/** How a record of a table's repartition topic is laid out: its last byte. `-Latest` have a byte more before it, of versioned tables. */
const Layout = { OLD: 0, NEW: 1, BOTH: 2, OLD_LATEST: 3, NEW_LATEST: 4, BOTH_LATEST: 5 } as const

/**
 * Updates of a table in its repartition topic, in Java's bytes: `old 00`, `new 01`, or `length(new) new old 02` where both go to one group
 * (KIP-904), the length being a zigzag varint. Flags 3 to 5, which Java writes nowhere yet, are read.
 * @see Kafka Streams `ChangedSerializer`, `ChangedDeserializer`
 */
export function changeSerde<V>(inner: Serde<V>): Serde<Change<V>> {
  return {
    serialize({ newValue, oldValue }) {
      const added = newValue === null ? null : inner.serialize(newValue)
      const removed = oldValue === null ? null : inner.serialize(oldValue)
      if (added && removed)
        return Buffer.concat([zigzagVarint(added.length), added, removed, Buffer.of(Layout.BOTH)])
      if (added) return Buffer.concat([added, Buffer.of(Layout.NEW)])
      if (removed) return Buffer.concat([removed, Buffer.of(Layout.OLD)])
      throw new TypeError('An update of a table has neither a new nor an old value.')
    },
    deserialize(bytes) {
      const { added, removed } = split(bytes)
      return {
        newValue: added && inner.deserialize(added),
        oldValue: removed && inner.deserialize(removed),
      }
    },
  }
}

interface SplitChange {
  readonly added: Buffer | null
  readonly removed: Buffer | null
}

function split(bytes: Buffer): SplitChange {
  const layout = bytes.at(-1)
  if (layout === undefined || layout > Layout.BOTH_LATEST)
    throw new RangeError(`The update of a table ends in ${layout ?? 'nothing'}; 0 to 5 are known.`)
  const tail = layout >= Layout.OLD_LATEST ? 2 : 1
  if (bytes.length < tail) throw new RangeError(`${bytes.length} bytes where ${tail} are expected.`)
  const body = bytes.subarray(0, bytes.length - tail)
  switch (layout) {
    case Layout.OLD:
    case Layout.OLD_LATEST:
      return { added: null, removed: body }
    case Layout.NEW:
    case Layout.NEW_LATEST:
      return { added: body, removed: null }
    default: {
      const { length, size } = readZigzagVarint(body)
      if (length < 0 || size + length > body.length)
        throw new RangeError(`A new value of ${length} bytes in ${body.length - size}.`)
      return { added: body.subarray(size, size + length), removed: body.subarray(size + length) }
    }
  }
}

function zigzagVarint(length: number): Buffer {
  const bytes: number[] = []
  let rest = length * 2
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80)
  return Buffer.of(...bytes, rest)
}

/** At most five bytes, as Java's `ByteUtils.readVarint`. */
function readZigzagVarint(bytes: Buffer): { readonly length: number; readonly size: number } {
  let coded = 0
  for (let size = 0; size < 5; size++) {
    const byte = bytes[size]
    if (byte === undefined) break
    coded += (byte & 0x7f) * 2 ** (7 * size)
    if (byte < 0x80)
      return { length: coded % 2 === 0 ? coded / 2 : -(coded + 1) / 2, size: size + 1 }
  }
  throw new RangeError('The length of the new value is cut off or longer than five bytes.')
}
