/** Java's `Murmur3.DEFAULT_SEED`. */
const seed = 104_729n
const c1 = 0x87c37b91114253d5n
const c2 = 0x4cf5ad432745937fn

/**
 * Murmur3 of 128 bits in its form for 64-bit machines, as two big-endian int64: what tells a subscription of a foreign-key join whether its
 * row is still the same.
 * @see Kafka Streams `Murmur3.hash128`
 */
export function murmur3Of128Bits(data: Buffer): Buffer {
  let h1 = seed
  let h2 = seed
  const blocks = data.length >>> 4
  for (let at = 0; at < blocks * 16; at += 16) {
    h1 ^= mixedFirst(data.readBigUInt64LE(at))
    h1 = wrapped(wrapped(rotated(h1, 27n) + h2) * 5n + 0x52dce729n)
    h2 ^= mixedSecond(data.readBigUInt64LE(at + 8))
    h2 = wrapped(wrapped(rotated(h2, 31n) + h1) * 5n + 0x38495ab5n)
  }
  const tail = Buffer.alloc(16)
  data.copy(tail, 0, blocks * 16)
  h2 ^= mixedSecond(tail.readBigUInt64LE(8))
  h1 ^= mixedFirst(tail.readBigUInt64LE(0))
  const length = BigInt(data.length)
  h1 ^= length
  h2 ^= length
  h1 = wrapped(h1 + h2)
  h2 = wrapped(h2 + h1)
  h1 = finished(h1)
  h2 = finished(h2)
  h1 = wrapped(h1 + h2)
  h2 = wrapped(h2 + h1)
  const hash = Buffer.allocUnsafe(16)
  hash.writeBigUInt64BE(h1)
  hash.writeBigUInt64BE(h2, 8)
  return hash
}

/** Nothing of a block of zeros, so that a tail that is not there mixes in nothing. */
function mixedFirst(k1: bigint): bigint {
  return wrapped(rotated(wrapped(k1 * c1), 31n) * c2)
}

function mixedSecond(k2: bigint): bigint {
  return wrapped(rotated(wrapped(k2 * c2), 33n) * c1)
}

function finished(hash: bigint): bigint {
  let h = hash
  h = wrapped((h ^ (h >> 33n)) * 0xff51afd7ed558ccdn)
  h = wrapped((h ^ (h >> 33n)) * 0xc4ceb9fe1a85ec53n)
  return h ^ (h >> 33n)
}

function wrapped(value: bigint): bigint {
  return BigInt.asUintN(64, value)
}

function rotated(value: bigint, by: bigint): bigint {
  return wrapped((value << by) | (value >> (64n - by)))
}
