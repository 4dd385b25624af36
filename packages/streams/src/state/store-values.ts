import {
  doubleSerde,
  int32Serde,
  int64Serde,
  longSerde,
  stringSerde,
  type Serde,
} from '../serde.ts'

/**
 * How a store in memory keeps values. What it gives back is always what the bytes say, and never an object that a function of the
 * topology could have changed; for the library's serdes of numbers and text the value itself is that, so nothing is decoded.
 */
export interface StoreValues<V> {
  /** Whether values are kept as they are. */
  readonly isExact: boolean
  /** What to keep of a value whose bytes are these. */
  keep(value: V, bytes: Buffer): unknown
  /** As `keep`, where the bytes are not needed otherwise. @throws what the serde throws */
  keepValue(value: V): unknown
  /** The bytes of what is kept. */
  bytesOf(kept: unknown): Buffer
  keepBytes(bytes: Buffer): unknown
  give(kept: unknown): V
}

export function storeValues<V>(serde: Serde<V>): StoreValues<V> {
  const exact = exactValues.get(serde)
  if (!exact)
    return {
      isExact: false,
      keep: (_value, bytes) => bytes,
      keepValue: (value) => serde.serialize(value),
      bytesOf: (kept) => kept as Buffer,
      keepBytes: (bytes) => bytes,
      give: (kept) => serde.deserialize(kept as Buffer),
    }
  return {
    isExact: true,
    keep: (value) => exact(value),
    keepValue: (value) => (mayBeBad(value) ? exact(checked(serde, value)) : exact(value)),
    bytesOf: (kept) => serde.serialize(kept as V),
    keepBytes: (bytes) => serde.deserialize(bytes),
    give: (kept) => kept as V,
  }
}

/** Whether a serde of numbers or text might refuse it: it is then asked. */
function mayBeBad(value: unknown): boolean {
  return !(
    typeof value === 'string' ||
    (Number.isInteger(value) && Math.abs(value as number) < twoTo31)
  )
}

const twoTo31 = 2 ** 31

function checked<V>(serde: Serde<V>, value: V): V {
  serde.serialize(value)
  return value
}

/** About what a kept value takes beyond the object that holds it, bytes. */
export function keptBytes(kept: unknown): number {
  if (typeof kept === 'string') return kept.length
  return Buffer.isBuffer(kept) ? kept.length : 8
}

const same = (value: unknown): unknown => value
/** Integers have one zero. */
const withoutMinusZero = (value: unknown): unknown => (value as number) + 0

/** For each serde what its bytes make of a value. */
const exactValues = new Map<unknown, (value: unknown) => unknown>([
  [longSerde, withoutMinusZero],
  [int32Serde, withoutMinusZero],
  [int64Serde, same],
  [doubleSerde, same],
  [stringSerde, (value) => (value as string).toWellFormed()],
])
