/** Matches are looked for within blocks of this size, so that a distance and a table entry fit in 16 bits. */
export const matchBlockBytes = 65_536

const HASH_BITS = 13
/** Position of the last occurrence of a hash within the block. One table serves all: compression is synchronous. */
const table = new Uint16Array(1 << HASH_BITS)

/**
 * Finds repetitions of four bytes and more, greedily, in the block from `from` to `end`; the parse that snappy's and lz4's
 * fast modes use. `take` gets each match with the literals before it.
 * @param tailBytes bytes at the end that stay literals
 * @returns where the literals after the last match begin
 */
export function findMatches(
  source: Uint8Array,
  from: number,
  end: number,
  tailBytes: number,
  take: (literalsFrom: number, matchAt: number, distance: number, length: number) => void,
): number {
  table.fill(0)
  const lastStart = end - Math.max(tailBytes, 4)
  const matchLimit = end - tailBytes
  let literals = from
  let misses = 0
  // An empty entry reads as position 0, so the search begins after it.
  for (let at = from + 1; at <= lastStart;) {
    const word = wordAt(source, at)
    const slot = Math.imul(word, 0x9e3779b1) >>> (32 - HASH_BITS)
    const candidate = from + table[slot]!
    table[slot] = at - from
    if (wordAt(source, candidate) !== word) {
      // Incompressible stretches are crossed in growing steps.
      at += 1 + (misses++ >> 5)
      continue
    }
    let length = 4
    while (at + length < matchLimit && source[candidate + length] === source[at + length]) length++
    take(literals, at, at - candidate, length)
    at += length
    literals = at
    misses = 0
  }
  return literals
}

function wordAt(source: Uint8Array, at: number): number {
  return source[at]! | (source[at + 1]! << 8) | (source[at + 2]! << 16) | (source[at + 3]! << 24)
}
