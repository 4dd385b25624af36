import { hash } from 'node:crypto'

const SHARD_COUNT = 64
const FIRST_CAPACITY = 64
/** Keys up to this size stand in the table as they are; of longer ones the hash. */
const INLINE_BYTES = 15
/** Marks a hash, which no inline key's length can be taken for. */
const HASHED = 0xff
const EMPTY = -1

/**
 * The last offset of every key seen: what a compaction keeps records by (Kafka: SkimpyOffsetMap). 24 bytes per place, whatever the keys'
 * sizes: keys of up to 15 bytes are held exactly, longer ones by 120 bits of SHA-256, where two keys that meet are not to be
 * expected even if someone looks for them. Split into shards, so that growing never rehashes more than a small part at once.
 */
export class KeyOffsets {
  readonly #maxKeys: number
  readonly #shards: Shard[] = Array.from({ length: SHARD_COUNT }, () => new Shard())
  /** The key in question, as four words. */
  readonly #words = new Uint32Array(4)
  readonly #bytes = Buffer.from(this.#words.buffer)
  #count = 0

  constructor(maxKeys: number) {
    this.#maxKeys = maxKeys
  }

  get count(): number {
    return this.#count
  }

  /**
   * Notes that the key occurs at `offset`, above all before it.
   * @returns false when the key is new and there is no room
   */
  put(source: Buffer, start: number, length: number, offset: number): boolean {
    const mix = this.#load(source, start, length)
    const shard = this.#shards[mix >>> 26]!
    const slot = shard.find(this.#words, mix)
    if (shard.offsets[slot] !== EMPTY) {
      shard.offsets[slot] = offset
      return true
    }
    if (this.#count >= this.#maxKeys) return false
    this.#count++
    shard.insert(slot, this.#words, offset)
    return true
  }

  /** The last offset of the key, -1 when it was not seen. */
  get(source: Buffer, start: number, length: number): number {
    const mix = this.#load(source, start, length)
    const shard = this.#shards[mix >>> 26]!
    return shard.offsets[shard.find(this.#words, mix)]!
  }

  /** Puts the key into `#words` and gives a hash of them. */
  #load(source: Buffer, start: number, length: number): number {
    const bytes = this.#bytes
    if (length <= INLINE_BYTES) {
      bytes.fill(0)
      bytes[0] = length
      source.copy(bytes, 1, start, start + length)
    } else {
      // As text, which costs less than a Buffer of its own each time.
      const digest = hash('sha256', source.subarray(start, start + length), 'binary')
      bytes.write(digest, 0, 16, 'latin1')
      bytes[0] = HASHED
    }
    return mixOf(this.#words)
  }
}

/** Open addressing with linear probing; at most three quarters full. */
class Shard {
  #capacity = FIRST_CAPACITY
  #words = new Uint32Array(FIRST_CAPACITY * 4)
  offsets = new Float64Array(FIRST_CAPACITY).fill(EMPTY)
  #count = 0

  /** Where the key stands, or the free place where it belongs. */
  find(key: Uint32Array, mix: number): number {
    const words = this.#words
    const mask = this.#capacity - 1
    for (let slot = mix & mask; ; slot = (slot + 1) & mask) {
      if (this.offsets[slot] === EMPTY) return slot
      const at = slot * 4
      if (
        words[at] === key[0] &&
        words[at + 1] === key[1] &&
        words[at + 2] === key[2] &&
        words[at + 3] === key[3]
      )
        return slot
    }
  }

  insert(slot: number, key: Uint32Array, offset: number): void {
    this.#words.set(key, slot * 4)
    this.offsets[slot] = offset
    this.#count++
    if (this.#count * 4 > this.#capacity * 3) this.#grow()
  }

  #grow(): void {
    const { offsets: oldOffsets } = this
    const oldWords = this.#words
    this.#capacity *= 2
    this.#words = new Uint32Array(this.#capacity * 4)
    this.offsets = new Float64Array(this.#capacity).fill(EMPTY)
    const key = new Uint32Array(4)
    for (let old = 0; old < oldOffsets.length; old++) {
      if (oldOffsets[old] === EMPTY) continue
      for (let word = 0; word < 4; word++) key[word] = oldWords[old * 4 + word]!
      const slot = this.find(key, mixOf(key))
      this.#words.set(key, slot * 4)
      this.offsets[slot] = oldOffsets[old]!
    }
  }
}

/** Inline keys differ in few bits, so the words are mixed as murmur3 does. */
function mixOf(words: Uint32Array): number {
  let mix = 0
  for (let index = 0; index < 4; index++) {
    let word = Math.imul(words[index]!, 0xcc9e2d51)
    word = (word << 15) | (word >>> 17)
    mix ^= Math.imul(word, 0x1b873593)
    mix = (mix << 13) | (mix >>> 19)
    mix = (Math.imul(mix, 5) + 0xe6546b64) | 0
  }
  mix ^= mix >>> 16
  mix = Math.imul(mix, 0x85ebca6b)
  mix ^= mix >>> 13
  mix = Math.imul(mix, 0xc2b2ae35)
  return (mix ^ (mix >>> 16)) >>> 0
}
