import { findMatches, matchBlockBytes } from './matches.ts'
import { Unpacked } from './unpacked.ts'

/**
 * Snappy in the two framings that Kafka clients use: raw (librdkafka) is read; "xerial" chunks (snappy-java, which Java
 * clients use) are read and written, since every client reads them.
 */
const xerialMagic = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0])
/** Magic, version 1, lowest compatible version 1. */
const xerialHeader = Buffer.concat([xerialMagic, Buffer.from([0, 0, 0, 1, 0, 0, 0, 1])])

/** No snappy element yields more than 64 bytes from 3; a claim beyond this cannot be true. */
const maxRatio = 32

export function snappyDecompress(source: Uint8Array, maxBytes: number): Buffer {
  const bytes = Buffer.from(source.buffer, source.byteOffset, source.length)
  const output = new Unpacked('snappy', Math.min(maxBytes, bytes.length * 4), maxBytes)
  if (!isXerial(bytes)) {
    unpackBlock(bytes, 0, bytes.length, output)
    return output.take()
  }
  let at = xerialHeader.length
  while (at < bytes.length) {
    if (bytes.length - at < 4) output.refuse('a chunk without its length')
    const size = bytes.readInt32BE(at)
    at += 4
    if (size < 0 || size > bytes.length - at)
      output.refuse(`a chunk of ${size} bytes with ${bytes.length - at} left`)
    unpackBlock(bytes, at, at + size, output)
    at += size
  }
  return output.take()
}

export function snappyCompress(source: Uint8Array): Buffer {
  const blocks = Math.ceil(source.length / matchBlockBytes)
  // Literals cost at most 3 bytes for each stretch besides themselves, and matches only shrink.
  const target = Buffer.allocUnsafe(
    xerialHeader.length + source.length + (source.length >> 4) + blocks * 64,
  )
  xerialHeader.copy(target)
  let at = xerialHeader.length
  for (let from = 0; from < source.length; from += matchBlockBytes) {
    const end = Math.min(from + matchBlockBytes, source.length)
    const next = packBlock(source, from, end, target, at + 4)
    target.writeInt32BE(next - at - 4, at)
    at = next
  }
  return target.subarray(0, at)
}

function isXerial(bytes: Buffer): boolean {
  return bytes.length >= xerialHeader.length && bytes.subarray(0, 8).equals(xerialMagic)
}

/** One raw snappy block: its unpacked length, then literals and copies. */
function unpackBlock(source: Buffer, from: number, end: number, output: Unpacked): void {
  let at = from
  let claimed = 0
  for (let weight = 1; ; weight *= 0x80) {
    if (at >= end || weight > 2 ** 28) output.refuse('a block without its length')
    const byte = source[at++]!
    claimed += (byte & 0x7f) * weight
    if (byte < 0x80) break
  }
  if (claimed > (end - from) * maxRatio)
    output.refuse(`${end - from} bytes claim to unpack to ${claimed}`)
  const stop = output.length + claimed
  output.reserve(claimed)
  while (at < end) {
    const tag = source[at++]!
    const kind = tag & 3
    const width = kind === 0 ? literalLengthBytes(tag) : kind === 3 ? 4 : kind
    if (width > end - at) output.refuse('an element that ends outside its block')
    const number = width === 0 ? 0 : source.readUIntLE(at, width)
    at += width
    const length =
      kind === 0
        ? (width === 0 ? tag >> 2 : number) + 1
        : kind === 1
          ? ((tag >> 2) & 7) + 4
          : (tag >> 2) + 1
    if (length > stop - output.length) output.refuse('more bytes than its block claims')
    if (kind === 0) {
      if (length > end - at) output.refuse(`a literal of ${length} bytes with ${end - at} left`)
      output.append(source, at, at + length)
      at += length
    } else output.repeat(kind === 1 ? ((tag >> 5) << 8) | number : number, length)
  }
  if (output.length !== stop) output.refuse(`fewer bytes than the ${claimed} its block claims`)
}

/** Literals up to 60 bytes keep their length in the tag, longer ones in 1 to 4 bytes after it. */
function literalLengthBytes(tag: number): number {
  return Math.max(0, (tag >> 2) - 59)
}

function packBlock(
  source: Uint8Array,
  from: number,
  end: number,
  target: Buffer,
  start: number,
): number {
  let at = start
  let rest = end - from
  for (; rest > 0x7f; rest >>>= 7) target[at++] = (rest & 0x7f) | 0x80
  target[at++] = rest
  const literals = findMatches(source, from, end, 0, (literalsFrom, matchAt, distance, length) => {
    at = putLiteral(source, literalsFrom, matchAt, target, at)
    at = putCopies(target, at, distance, length)
  })
  return putLiteral(source, literals, end, target, at)
}

function putLiteral(
  source: Uint8Array,
  from: number,
  end: number,
  target: Buffer,
  at: number,
): number {
  const last = end - from - 1
  if (last < 0) return at
  if (last < 60) target[at++] = last << 2
  else if (last < 0x100) {
    target[at++] = 60 << 2
    target[at++] = last
  } else {
    target[at++] = 61 << 2
    target[at++] = last & 0xff
    target[at++] = last >> 8
  }
  target.set(source.subarray(from, end), at)
  return at + last + 1
}

/** A copy element holds up to 64 bytes. */
function putCopies(target: Buffer, at: number, distance: number, length: number): number {
  for (let rest = length; rest > 0;) {
    const part = Math.min(64, rest)
    target[at++] = ((part - 1) << 2) | 2
    target[at++] = distance & 0xff
    target[at++] = distance >> 8
    rest -= part
  }
  return at
}
