import { createHash } from 'node:crypto'
import { assert } from './assert.ts'
import { systemClock, type Clock } from './clock.ts'
import { systemRandom, type Random } from './random.ts'

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const maxTimeMs = 2 ** 48 - 1

/** True for the lower-case canonical text of a UUID of any version. */
export function isUuid(text: string): boolean {
  return uuidPattern.test(text)
}

/**
 * Makes UUIDv7 ids that ascend within this process, also inside one millisecond and when the clock steps back.
 * `crypto.randomUUIDv7` is not ordered within a millisecond, and the order of event ids is relied on by people who read logs.
 * The 12 bits of `rand_a` and the top 14 of `rand_b` are a counter that starts at random in the lower half (RFC 9562, 6.2 method 1).
 */
export function createUuidV7(
  options: { readonly clock?: Clock; readonly random?: Random } = {},
): () => string {
  const clock = options.clock ?? systemClock
  const random = options.random ?? systemRandom
  const bytes = new Uint8Array(16)
  const counterLimit = 2 ** 26
  let lastMs = -1
  let counter = 0
  return () => {
    random.fill(bytes)
    const nowMs = clock.now()
    if (nowMs > lastMs) {
      lastMs = nowMs
      counter = ((bytes[6] ?? 0) << 17) | ((bytes[7] ?? 0) << 9) | (bytes[8] ?? 0)
    } else if (++counter >= counterLimit) {
      lastMs++
      counter = 0
    }
    writeTime(bytes, lastMs)
    bytes[6] = 0x70 | (counter >>> 22)
    bytes[7] = (counter >>> 14) & 0xff
    bytes[8] = 0x80 | ((counter >>> 8) & 0x3f)
    bytes[9] = counter & 0xff
    return formatUuid(bytes)
  }
}

/** A new UUIDv7 from the machine's clock and randomness; ascending within this process. */
export const uuidv7: () => string = createUuidV7()

/** The time inside a UUIDv7, or in a UUIDv8 made by `derivedUuid`: ms since the epoch. */
export function uuidTimeMs(id: string): number {
  assert(isUuid(id), `Not a UUID: ${id}`)
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16)
}

/** The smallest UUID whose time is `timeMs`: a lower bound for ranges and partitions over UUIDv7 ids. */
export function uuidLowerBound(timeMs: number): string {
  const bytes = new Uint8Array(16)
  writeTime(bytes, timeMs)
  return formatUuid(bytes)
}

/**
 * A stable id for something that has none of ours: the same parts give the same id. UUIDv8 with the time in front, so that
 * it sorts and partitions like a UUIDv7.
 * @param timeMs the time of the thing itself (never of its arrival: duplicates must get the same id)
 */
export function derivedUuid(timeMs: number, ...parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part).update('\0')
  const bytes = new Uint8Array(hash.digest().buffer.slice(0, 16))
  writeTime(bytes, timeMs)
  bytes[6] = 0x80 | ((bytes[6] ?? 0) & 0x0f)
  bytes[8] = 0x80 | ((bytes[8] ?? 0) & 0x3f)
  return formatUuid(bytes)
}

function writeTime(bytes: Uint8Array, timeMs: number): void {
  assert(
    Number.isInteger(timeMs) && timeMs >= 0 && timeMs <= maxTimeMs,
    `Time ${timeMs} ms does not fit into a UUID`,
  )
  let rest = timeMs
  for (let index = 5; index >= 0; index--) {
    bytes[index] = rest % 256
    rest = Math.floor(rest / 256)
  }
}

const hexOfByte = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

function formatUuid(bytes: Uint8Array): string {
  let text = ''
  for (let index = 0; index < 16; index++) {
    if (index === 4 || index === 6 || index === 8 || index === 10) text += '-'
    text += hexOfByte[bytes[index] ?? 0]
  }
  return text
}
