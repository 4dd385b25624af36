import { findMatches, matchBlockBytes } from './matches.ts'
import { Unpacked } from './unpacked.ts'
import { xxh32 } from './xxh32.ts'

/**
 * LZ4 in its frame format (version 1.6.x of the specification), as all clients send it. Every checksum that is there is
 * checked. Written like Java's client does: independent blocks of 64 KiB, no block or content checksum (the batch has one).
 */
const MAGIC = 0x184d2204
const VERSION_1 = 0x40
const flags = {
  independent: 0x20,
  blockChecksum: 0x10,
  contentSize: 0x08,
  contentChecksum: 0x04,
  dictionary: 0x01,
}
const UNCOMPRESSED = 0x8000_0000
/** No match may begin in the last 12 bytes of a block, and the last 5 are literals: here no match reaches into the last 12. */
const LAST_MATCH = 12

export function lz4Decompress(source: Uint8Array, maxBytes: number): Buffer {
  const bytes = Buffer.from(source.buffer, source.byteOffset, source.length)
  const output = new Unpacked('lz4', Math.min(maxBytes, bytes.length * 4), maxBytes)
  const frame = readFrameHeader(bytes, output)
  let at = frame.end
  for (;;) {
    need(bytes, at, 4, output)
    const word = bytes.readUInt32LE(at)
    at += 4
    if (word === 0) break
    const size = word & 0x7fff_ffff
    need(bytes, at, size + (frame.blockChecksum ? 4 : 0), output)
    const end = at + size
    if (frame.blockChecksum && xxh32(bytes, at, end) !== bytes.readUInt32LE(end))
      output.refuse('a block checksum is wrong')
    if (word >= UNCOMPRESSED) output.append(bytes, at, end)
    else unpackBlock(bytes, at, end, output)
    at = end + (frame.blockChecksum ? 4 : 0)
  }
  if (frame.contentChecksum) {
    need(bytes, at, 4, output)
    if (xxh32(output.bytes, 0, output.length) !== bytes.readUInt32LE(at))
      output.refuse('the content checksum is wrong')
    at += 4
  }
  if (at !== bytes.length) output.refuse(`${bytes.length - at} bytes after the frame`)
  return output.take()
}

export function lz4Compress(source: Uint8Array): Buffer {
  const blocks = Math.ceil(source.length / matchBlockBytes)
  const target = Buffer.allocUnsafe(16 + source.length + (source.length >> 6) + blocks * 32)
  target.writeUInt32LE(MAGIC, 0)
  target[4] = VERSION_1 | flags.independent
  target[5] = 4 << 4
  target[6] = (xxh32(target, 4, 6) >>> 8) & 0xff
  let at = 7
  for (let from = 0; from < source.length; from += matchBlockBytes) {
    const end = Math.min(from + matchBlockBytes, source.length)
    const packedEnd = packBlock(source, from, end, target, at + 4)
    const packed = packedEnd - at - 4
    if (packed < end - from) {
      target.writeUInt32LE(packed, at)
      at = packedEnd
    } else {
      target.writeUInt32LE((UNCOMPRESSED | (end - from)) >>> 0, at)
      target.set(source.subarray(from, end), at + 4)
      at += 4 + end - from
    }
  }
  target.writeUInt32LE(0, at)
  return target.subarray(0, at + 4)
}

function readFrameHeader(bytes: Buffer, output: Unpacked) {
  need(bytes, 0, 7, output)
  if (bytes.readUInt32LE(0) !== MAGIC) output.refuse('it does not begin with the frame magic')
  const flag = bytes[4]!
  if ((flag & 0xc0) !== VERSION_1) output.refuse(`frame version ${flag >> 6}`)
  if ((flag & flags.dictionary) !== 0)
    output.refuse('it needs a dictionary, which Kafka has none of')
  const checkAt = 6 + ((flag & flags.contentSize) === 0 ? 0 : 8)
  need(bytes, checkAt, 1, output)
  const check = (xxh32(bytes, 4, checkAt) >>> 8) & 0xff
  if (bytes[checkAt] !== check) output.refuse('the header checksum is wrong')
  return {
    end: checkAt + 1,
    blockChecksum: (flag & flags.blockChecksum) !== 0,
    contentChecksum: (flag & flags.contentChecksum) !== 0,
  }
}

/** Sequences of literals and a match. Blocks may refer to earlier ones: all of the output lies in one buffer. */
function unpackBlock(source: Buffer, from: number, end: number, output: Unpacked): void {
  let at = from
  const longLength = (nibble: number): number => {
    let length = nibble
    if (nibble < 15) return length
    for (;;) {
      need(source, at, 1, output, end)
      const byte = source[at++]!
      length += byte
      if (byte < 255) return length
    }
  }
  while (at < end) {
    const token = source[at++]!
    const literals = longLength(token >> 4)
    need(source, at, literals, output, end)
    output.append(source, at, at + literals)
    at += literals
    // The last sequence has literals only.
    if (at === end) return
    need(source, at, 2, output, end)
    const distance = source[at]! | (source[at + 1]! << 8)
    at += 2
    output.repeat(distance, longLength(token & 15) + 4)
  }
}

function packBlock(
  source: Uint8Array,
  from: number,
  end: number,
  target: Buffer,
  start: number,
): number {
  let at = start
  const put = (
    literalsFrom: number,
    literalsEnd: number,
    distance: number,
    length: number,
  ): void => {
    const literals = literalsEnd - literalsFrom
    const more = length - 4
    target[at++] = (Math.min(15, literals) << 4) | (distance === 0 ? 0 : Math.min(15, more))
    at = putLongLength(target, at, literals)
    target.set(source.subarray(literalsFrom, literalsEnd), at)
    at += literals
    if (distance === 0) return
    target[at++] = distance & 0xff
    target[at++] = distance >> 8
    at = putLongLength(target, at, more)
  }
  const searchEnd = end - from > LAST_MATCH ? end : from
  const literals = findMatches(source, from, searchEnd, LAST_MATCH, put)
  put(literals, end, 0, 4)
  return at
}

function putLongLength(target: Buffer, at: number, length: number): number {
  if (length < 15) return at
  let rest = length - 15
  for (; rest >= 255; rest -= 255) target[at++] = 255
  target[at++] = rest
  return at
}

function need(
  bytes: Buffer,
  at: number,
  count: number,
  output: Unpacked,
  end = bytes.length,
): void {
  if (count > end - at) output.refuse(`${count} bytes needed at byte ${at}, ${end - at} left`)
}
