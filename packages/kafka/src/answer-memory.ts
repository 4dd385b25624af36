/**
 * Memory of large answers, used again once all that was read from one is let go. An answer of megabytes lies outside of V8's heap, so each
 * new one costs the kernel its pages and soon V8 a full collection: half of what reading costs (measured, docs/performance.md).
 *
 * An answer whose records are not let go, because nobody says so or because they were dropped unread, is collected like everything else:
 * nothing here points at memory that is in use.
 */

/** Smaller answers share Node's pool, or are cheap. */
const leastBytes = 65_536
/** Sizes are rounded up to it, so that answers of nearly one size fit each other's memory. */
const roundingBytes = 262_144
/** A piece is not taken for an answer of less than this share of it. */
const leastShare = 1 / 4
/** Most that lies here unused, in answers of the largest usual size. */
const maxFreeAnswers = 2

export class AnswerMemory {
  readonly #maxFreeBytes: number
  /** Unused; the one that came last is the warmest. */
  readonly #free: ArrayBuffer[] = []
  #freeBytes = 0
  /** What was lent out, for as long as anybody has it. */
  readonly #lent = new WeakSet<ArrayBufferLike>()

  /** @param answerMaxBytes what answers are at most, but for single records that are larger */
  constructor(answerMaxBytes: number) {
    this.#maxFreeBytes = maxFreeAnswers * (answerMaxBytes + roundingBytes)
  }

  /** Memory for an answer of so many bytes; what stands in it is left from before. */
  take(sizeBytes: number): Buffer {
    if (sizeBytes < leastBytes) return Buffer.allocUnsafe(sizeBytes)
    const at = this.#free.findLastIndex(
      ({ byteLength }) => byteLength >= sizeBytes && byteLength * leastShare <= sizeBytes,
    )
    const [memory = newMemory(sizeBytes)] = at === -1 ? [] : this.#free.splice(at, 1)
    if (at !== -1) this.#freeBytes -= memory.byteLength
    this.#lent.add(memory)
    return Buffer.from(memory, 0, sizeBytes)
  }

  /** Watches over the memory that `bytes` lie in; `undefined` where it was not lent from here. Ask once for each answer. */
  holdOf(bytes: Buffer): AnswerHold | undefined {
    const memory = bytes.buffer
    if (!this.#lent.has(memory)) return undefined
    return new AnswerHold(() => this.#takeBack(memory as ArrayBuffer))
  }

  #takeBack(memory: ArrayBuffer): void {
    if (!this.#lent.delete(memory)) return
    this.#free.push(memory)
    this.#freeBytes += memory.byteLength
    while (this.#freeBytes > this.#maxFreeBytes) this.#freeBytes -= this.#free.shift()!.byteLength
  }
}

/** Counts who reads from an answer; begins with one, who has it whole. */
export class AnswerHold {
  #count = 1
  readonly #onLetGo: () => void

  constructor(onLetGo: () => void) {
    this.#onLetGo = onLetGo
  }

  hold(): void {
    this.#count++
  }

  letGo(): void {
    if (--this.#count === 0) this.#onLetGo()
  }
}

function newMemory(sizeBytes: number): ArrayBuffer {
  // Not zeroed, unlike `new ArrayBuffer`.
  const size = Math.ceil(sizeBytes / roundingBytes) * roundingBytes
  return Buffer.allocUnsafeSlow(size).buffer
}
