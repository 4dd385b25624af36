/**
 * Cuts what a broker sends into frames, each in memory of its own. The socket reads into the memory that `room` names: into a small
 * buffer while a frame's size is not known, then straight into the frame's own, so the bytes of a large answer are neither copied nor
 * allocated twice.
 */
import { assert } from '@millrace/core'
import type { AnswerMemory } from './answer-memory.ts'
import { KafkaError } from './errors.ts'

/** Largest answer that is taken: a batch of 100 MiB, which is the most that is unpacked, and what stands around it. */
export const maxFrameBytes = 134_217_728
/** Small answers are read into it, several at once, and copied out; of a large one the beginning. */
const scratchBytes = 16_384
const sizeBytes = 4

export class FrameReader {
  readonly #onFrame: (frame: Buffer) => void
  readonly #memory: AnswerMemory
  readonly #scratch = Buffer.allocUnsafeSlow(scratchBytes)
  /** The frame whose size is known and whose end is not here yet. */
  #frame: Buffer | undefined
  /** Bytes that stand in the frame, or without one in the scratch. */
  #filled = 0

  /** @param onFrame is given each frame without its size; the frame's memory is its own to keep, or to let go by `memory` */
  constructor(onFrame: (frame: Buffer) => void, memory: AnswerMemory) {
    this.#onFrame = onFrame
    this.#memory = memory
  }

  /** Where the next bytes belong; never empty. Good until `filled`. */
  get room(): Buffer {
    if (this.#frame) return this.#filled === 0 ? this.#frame : this.#frame.subarray(this.#filled)
    return this.#filled === 0 ? this.#scratch : this.#scratch.subarray(this.#filled)
  }

  /** True between frames: the sender may end here without leaving anything half said. */
  get isBetweenFrames(): boolean {
    return this.#frame === undefined && this.#filled === 0
  }

  /**
   * `count` bytes stand in `room` now.
   * @throws KafkaError `MR_KAFKA_CORRUPT_DATA` for a size that no answer has; nothing after it can be read
   */
  filled(count: number): void {
    const frame = this.#frame
    this.#filled += count
    if (!frame) return this.#cut()
    assert(this.#filled <= frame.length, 'a frame is never filled beyond its end')
    if (this.#filled < frame.length) return
    this.#frame = undefined
    this.#filled = 0
    this.#onFrame(frame)
  }

  #cut(): void {
    const scratch = this.#scratch
    const end = this.#filled
    let at = 0
    while (end - at >= sizeBytes) {
      const size = checkedSize(scratch.readInt32BE(at))
      at += sizeBytes
      const frame = this.#memory.take(size)
      const present = scratch.copy(frame, 0, at, Math.min(end, at + size))
      at += present
      if (present < size) {
        this.#frame = frame
        this.#filled = present
        return
      }
      this.#onFrame(frame)
    }
    scratch.copyWithin(0, at, end)
    this.#filled = end - at
  }
}

/** An answer begins with its correlation id, which takes four bytes. */
function checkedSize(size: number): number {
  if (size >= 4 && size <= maxFrameBytes) return size
  throw new KafkaError(
    'MR_KAFKA_CORRUPT_DATA',
    `An answer claims a size of ${size} bytes, where 4 to ${maxFrameBytes} are possible: no Kafka broker listens there, or bytes were damaged on the way.`,
    { sizeBytes: size },
  )
}
