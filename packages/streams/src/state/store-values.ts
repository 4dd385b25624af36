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
  keepBytes(bytes: Buffer): unknown
  give(kept: unknown): V
}

export function storeValues<V>(serde: Serde<V>): StoreValues<V> {
  const exact = exactValues.get(serde)
  if (!exact)
    return {
      isExact: false,
      keep: (_value, bytes) => bytes,
      keepBytes: (bytes) => bytes,
      give: (kept) => serde.deserialize(kept as Buffer),
    }
  return {
    isExact: true,
    keep: (value) => exact(value),
    keepBytes: (bytes) => serde.deserialize(bytes),
    give: (kept) => kept as V,
  }
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
