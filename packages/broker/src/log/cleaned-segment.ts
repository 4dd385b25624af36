import { join } from 'node:path'
import type { Disk } from './disk.ts'
import { limits } from '../limits.ts'
import { placeOf, Segment } from './segment.ts'
import { cleanedFileName } from './segment-swap.ts'

/**
 * A segment that compaction writes beside those it is to replace. Batches are gathered and written some at a time; until `take`, `discard`
 * removes the file.
 */
export class CleanedSegment {
  readonly #disk: Disk
  readonly #path: string
  readonly #segment: Segment
  #pending: Buffer[] = []
  #pendingBytes = 0
  #isTaken = false
  /** Set by the writer: some batch is not as it was. */
  differs = false

  /** @param to where the range of the segments ends */
  constructor(disk: Disk, directory: string, group: readonly Segment[], to: number) {
    const from = group[0]!.baseOffset
    const name = cleanedFileName(from, to)
    this.#disk = disk
    this.#path = join(directory, name)
    this.#segment = Segment.create(disk, directory, from, name)
    this.#segment.modifiedMs = Math.max(...group.map(({ modifiedMs }) => modifiedMs))
  }

  /** @param batch copied */
  append(batch: Buffer): void {
    const segment = this.#segment
    segment.noteBatch(placeOf(batch, 0, segment.sizeBytes))
    this.#pending.push(Buffer.from(batch))
    this.#pendingBytes += batch.length
    if (this.#pendingBytes >= limits.cleanerReadBytes) this.#flush()
  }

  /** Resolves when all of it is on the device. */
  async finish(): Promise<void> {
    this.#flush()
    await this.#segment.sync()
  }

  /** The finished segment, to be handed to the log. */
  get segment(): Segment {
    return this.#segment
  }

  /** The log has it now. */
  take(): void {
    this.#isTaken = true
  }

  /** Removes what was not taken. */
  discard(): void {
    if (this.#isTaken) return
    this.#segment.close()
    this.#disk.remove(this.#path)
  }

  #flush(): void {
    const position = this.#segment.sizeBytes - this.#pendingBytes
    this.#segment.file.write(Buffer.concat(this.#pending), position)
    this.#pending = []
    this.#pendingBytes = 0
  }
}
