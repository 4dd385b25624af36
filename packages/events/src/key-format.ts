import { EventsError } from './errors.ts'

/**
 * How a topic's keys stand in its records. `text`: UTF-8. `int64`: 8 bytes, big-endian, two's complement, as Java's `LongSerializer`
 * writes them; everywhere else (logs, databases, JSON) such a key is its decimal text.
 */
export type KeyFormat = 'text' | 'int64'

const decimal = /^(?:0|-?[1-9]\d{0,18})$/
const int64Bytes = 8

/** Whether `key` can be written in `format`: any text, or the decimal text of an int64 without sign or zeros that say nothing. */
export function isKeyOf(format: KeyFormat, key: string): boolean {
  return format === 'text' || (decimal.test(key) && BigInt.asIntN(64, BigInt(key)) === BigInt(key))
}

/**
 * A key as the producer sends it. A record goes where its bytes say, so that the same number lands where Java's clients put it.
 * @throws EventsError `MR_EVENTS_BAD_KEY` when the key is no decimal int64 where one is needed
 */
export function encodeKey(format: KeyFormat, key: string): string | Uint8Array {
  if (format === 'text') return key
  if (!isKeyOf(format, key))
    throw new EventsError(
      'MR_EVENTS_BAD_KEY',
      `Key "${key.slice(0, 100)}" is no decimal int64 (-2^63 to 2^63 - 1, no leading zeros), as its topic's contracts say it is. Nothing was sent.`,
      { key: key.slice(0, 100), format },
    )
  const bytes = Buffer.allocUnsafe(int64Bytes)
  bytes.writeBigInt64BE(BigInt(key))
  return bytes
}

/** A record's key as text. Bytes that are no int64 on a topic of such are read as text, since others may write there too. */
export function keyText(format: KeyFormat, key: Buffer): string {
  return format === 'int64' && key.length === int64Bytes
    ? String(key.readBigInt64BE())
    : key.toString('utf8')
}
