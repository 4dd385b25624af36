/** MurmurHash2 as Kafka's Java client computes it (`Utils.murmur2`), signed 32-bit: it decides the partition of a key. */
export function murmur2(bytes: Uint8Array): number {
  const m = 0x5bd1e995
  const length = bytes.length
  const wordsEnd = length & ~3
  let hash = 0x9747b28c ^ length
  for (let at = 0; at < wordsEnd; at += 4) {
    let k = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
    k = Math.imul(k, m)
    k ^= k >>> 24
    hash = Math.imul(hash, m) ^ Math.imul(k, m)
  }
  const rest = length - wordsEnd
  if (rest > 2) hash ^= bytes[wordsEnd + 2]! << 16
  if (rest > 1) hash ^= bytes[wordsEnd + 1]! << 8
  if (rest > 0) hash = Math.imul(hash ^ bytes[wordsEnd]!, m)
  hash ^= hash >>> 13
  hash = Math.imul(hash, m)
  return hash ^ (hash >>> 15)
}

/**
 * Partition of a key as Kafka's Java producer chooses it (`BuiltInPartitioner.partitionForKey`), so that writers in any
 * language agree. A text key is hashed as UTF-8.
 * @param count partitions of the topic, > 0
 */
export function partitionForKey(key: string | Uint8Array, count: number): number {
  const hash = typeof key === 'string' ? murmur2OfText(key) : murmur2(key)
  return (hash & 0x7fff_ffff) % count
}

/** Room for a short text of each length, one memory for all: what is in it counts until the next is hashed. */
const asciiBytes = new Uint8Array(32)
const shortTexts = Array.from(asciiBytes, (_, length) => asciiBytes.subarray(0, length))

/** Of a short text in ASCII, as most keys are, without a buffer of its own. */
function murmur2OfText(text: string): number {
  const { length } = text
  const bytes = shortTexts[length]
  if (bytes === undefined) return murmur2(Buffer.from(text))
  for (let at = 0; at < length; at++) {
    const unit = text.charCodeAt(at)
    if (unit > 0x7f) return murmur2(Buffer.from(text))
    bytes[at] = unit
  }
  return murmur2(bytes)
}
