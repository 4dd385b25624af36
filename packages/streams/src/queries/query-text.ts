/** Keys and values of stores as people write and read them, in URLs and JSON. */
import { StreamsError } from '../errors.ts'
import {
  bytesSerde,
  doubleSerde,
  int32Serde,
  int64Serde,
  longSerde,
  stringSerde,
  type Serde,
} from '../serde.ts'

/** How keys of a serde are written: as they are, in decimal, in base64url, or as JSON. */
export type KeyForm = 'text' | 'integer' | 'number' | 'base64url' | 'json'

const numbers = new Set<unknown>([longSerde, int32Serde, doubleSerde])

/**
 * A key from a URL: text as it is, numbers in decimal, bytes in base64url, what any other serde takes as JSON.
 * @throws StreamsError `MR_STREAMS_BAD_QUERY`
 */
export function keyOfText(serde: Serde<unknown>, text: string, name: string): Buffer {
  try {
    return serde.serialize(valueOfText(serde, text))
  } catch (error) {
    throw new StreamsError(
      'MR_STREAMS_BAD_QUERY',
      `${name} is "${text.slice(0, 100)}", which is no key of the store: ${String(error)}`,
      { name },
      { cause: error },
    )
  }
}

function valueOfText(serde: Serde<unknown>, text: string): unknown {
  if (Object.is(serde, stringSerde)) return text
  if (Object.is(serde, bytesSerde)) return Buffer.from(text, 'base64url')
  if (Object.is(serde, int64Serde)) return BigInt(text)
  if (!numbers.has(serde)) return JSON.parse(text) as unknown
  const value = text.trim() === '' ? Number.NaN : Number(text)
  if (Number.isNaN(value)) throw new RangeError('It is no number.')
  return value
}

export function keyFormOf(serde: Serde<unknown>): KeyForm {
  if (Object.is(serde, stringSerde)) return 'text'
  if (Object.is(serde, bytesSerde)) return 'base64url'
  if (Object.is(serde, doubleSerde)) return 'number'
  return Object.is(serde, int64Serde) || numbers.has(serde) ? 'integer' : 'json'
}

/** As `keyOfText` takes it, where the serde takes what JSON makes of a key. */
export function textOfKey(serde: Serde<unknown>, key: unknown): string {
  switch (keyFormOf(serde)) {
    case 'text':
    case 'integer':
    case 'number':
      return String(key)
    case 'base64url':
      return (key as Buffer).toString('base64url')
    case 'json':
      return JSON.stringify(plainValue(key))
  }
}

/** What JSON has for a key or value; integers beyond it are text, bytes base64. */
export function plainValue(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, function (this: Readonly<Record<string, unknown>>, name, given: unknown) {
      // The value before its `toJSON`, which buffers have.
      const held = this[name]
      if (typeof held === 'bigint') return String(held)
      if (held instanceof Uint8Array) return Buffer.from(held).toString('base64')
      return given
    }) ?? 'null',
  ) as unknown
}
