import { join } from 'node:path'
import { assert } from '@millrace/core'
import { limits } from '../limits.ts'
import {
  batchHeaderBytes,
  batchBaseOffset,
  batchSizeBytes,
  batchLastOffsetDelta,
  batchMaxTimestamp,
  batchRecordCount,
} from '@millrace/protocol'
import type { Disk, DiskFile } from './disk.ts'
import { SparseIndex } from './sparse-index.ts'

/** Place of a batch in its segment. */
export interface BatchPlace {
  readonly position: number
  readonly sizeBytes: number
  readonly baseOffset: number
  readonly lastOffset: number
  readonly maxTimestampMs: number
}

/**
 * One file of a log: whole record batches, end to end, in offset order, and its sparse index beside it. Only the last segment
 * of a log is written to. File and index open at first use, so that a thousand idle partitions cost nothing.
 */
export class Segment {
  readonly baseOffset: number
  /** Bytes of whole, checked batches; the next batch goes here. */
  sizeBytes: number
  readonly #disk: Disk
  readonly #directory: string
  /** Another one than the offset's while compaction is writing the segment. */
  #fileName: string
  #file: DiskFile | undefined
  #index: SparseIndex | undefined
  /** Highest timestamp so far; undefined until the index is read. */
  #maxTimestampMs = -1
  /** Entries that stand in the index file already. */
  #storedEntries = 0
  #lastIndexedPosition = 0
  #syncsRunning = 0
  /** Closed by its owner while a sync was still running: the last of them closes the file. */
  #isCloseDue = false
  #isRemoved = false
  /** Of the segments that compaction made this one of. */
  #inheritedModifiedMs: number | undefined

  constructor(disk: Disk, directory: string, baseOffset: number, sizeBytes: number) {
    this.#disk = disk
    this.#directory = directory
    this.#fileName = `${segmentName(baseOffset)}.log`
    this.baseOffset = baseOffset
    this.sizeBytes = sizeBytes
  }

  /** An empty segment in a file of another name, which `renameTo` puts in its place. */
  static create(disk: Disk, directory: string, baseOffset: number, fileName: string): Segment {
    const segment = new Segment(disk, directory, baseOffset, 0)
    segment.#fileName = fileName
    segment.#index = new SparseIndex()
    segment.file.truncate(0)
    return segment
  }

  get file(): DiskFile {
    // Opening would make an empty file where the records were.
    assert(!this.#isRemoved, `The segment ${this.#logPath} is removed`)
    this.#file ??= this.#disk.open(this.#logPath)
    return this.#file
  }

  /** Last write of its records, ms since the epoch. Compaction does not make them younger; a restart after one does. */
  get modifiedMs(): number {
    return this.#inheritedModifiedMs ?? this.file.modifiedMs
  }

  set modifiedMs(modifiedMs: number) {
    this.#inheritedModifiedMs = modifiedMs
  }

  get #logPath(): string {
    return join(this.#directory, this.#fileName)
  }

  get #indexPath(): string {
    return join(this.#directory, `${segmentName(this.baseOffset)}.index`)
  }

  get index(): SparseIndex {
    this.#index ??= this.#loadIndex()
    return this.#index
  }

  /** Highest timestamp of any batch, -1 when empty. */
  get maxTimestampMs(): number {
    this.#index ??= this.#loadIndex()
    return this.#maxTimestampMs
  }

  /** Writes one batch at the end. On a failed write nothing has changed. */
  append(batch: Buffer, lastOffset: number, maxTimestampMs: number): void {
    try {
      this.file.write(batch, this.sizeBytes)
    } catch (error) {
      // A part of the batch may stand there; the next append, or recovery, overwrites or cuts it.
      this.#cutTail()
      throw error
    }
    this.noteBatch({
      position: this.sizeBytes,
      sizeBytes: batch.length,
      baseOffset: batchBaseOffset(batch, 0),
      lastOffset,
      maxTimestampMs,
    })
  }

  /** Takes a batch that stands at the end of the file into account. */
  noteBatch(place: BatchPlace): void {
    const { index } = this
    if (place.position - this.#lastIndexedPosition >= limits.indexIntervalBytes) {
      index.add(place.baseOffset - this.baseOffset, place.position, this.#maxTimestampMs)
      this.#lastIndexedPosition = place.position
    }
    this.#maxTimestampMs = Math.max(this.#maxTimestampMs, place.maxTimestampMs)
    this.sizeBytes = place.position + place.sizeBytes
  }

  /**
   * The first batch whose last offset is `offset` or higher.
   * @param fromPosition of a batch at or before it
   */
  findOffset(offset: number, fromPosition: number): BatchPlace | undefined {
    for (const place of this.batches(fromPosition)) if (place.lastOffset >= offset) return place
    return undefined
  }

  /**
   * Whole batches from `first` on, as they stand in the file, that end before `endOffset`.
   * @param maxBytes bound of the answer; with `minOneBatch` the first batch comes whole even if it is larger
   */
  read(first: BatchPlace, maxBytes: number, minOneBatch: boolean, endOffset: number): Buffer {
    if (first.sizeBytes > maxBytes && !minOneBatch) return Buffer.alloc(0)
    const wanted = Math.max(maxBytes, first.sizeBytes)
    const bytes = Buffer.allocUnsafeSlow(Math.min(wanted, this.sizeBytes - first.position))
    const count = this.file.read(bytes, first.position)
    let end = 0
    while (end + batchHeaderBytes <= count) {
      const next = end + batchSizeBytes(bytes, end)
      if (next <= end || next > count || batchBaseOffset(bytes, end) >= endOffset) break
      end = next
    }
    return bytes.subarray(0, end)
  }

  /** Headers from the batch at `position` to the end. Trusts the bytes: they were checked when appended or recovered. */
  *batches(position: number): Generator<BatchPlace> {
    const window = Buffer.allocUnsafe(limits.indexIntervalBytes * 2)
    let windowAt = 0
    let windowBytes = 0
    let at = position
    while (at + batchHeaderBytes <= this.sizeBytes) {
      if (at < windowAt || at + batchHeaderBytes > windowAt + windowBytes) {
        windowAt = at
        windowBytes = this.file.read(window, at)
        if (windowBytes < batchHeaderBytes) return
      }
      const place = placeOf(window, at - windowAt, at)
      if (place.sizeBytes < batchHeaderBytes) return
      yield place
      at += place.sizeBytes
    }
  }

  /** Cuts the file to `sizeBytes` and forgets what lay beyond. */
  truncate(sizeBytes: number): void {
    this.file.truncate(sizeBytes)
    this.sizeBytes = sizeBytes
    this.#index = undefined
    this.#disk.remove(this.#indexPath)
  }

  /** Starts with an index cut at `position`, to be completed by `noteBatch` for each batch from there on. */
  resumeIndex(position: number): void {
    this.sizeBytes = position
    this.#index = this.#loadIndex()
  }

  /** Writes index entries that are not stored yet. Only entries of synced batches may be stored: call it after a sync. */
  storeIndex(entryCount = this.index.count): void {
    if (entryCount <= this.#storedEntries) return
    const file = this.#disk.open(this.#indexPath)
    try {
      file.write(
        this.index.encode(this.#storedEntries, entryCount),
        SparseIndex.filePosition(this.#storedEntries),
      )
    } finally {
      file.close()
    }
    this.#storedEntries = entryCount
  }

  /** Resolves when all that was written before is on the device. The file stays open until then, whoever closes the segment. */
  async sync(): Promise<void> {
    const { file } = this
    this.#syncsRunning++
    try {
      await file.sync()
    } finally {
      this.#syncsRunning--
      if (this.#isCloseDue) this.close()
    }
  }

  close(): void {
    this.#isCloseDue = this.#syncsRunning > 0
    if (this.#isCloseDue) return
    this.#file?.close()
    this.#file = undefined
  }

  /** Gives the file another name. */
  renameTo(fileName: string): void {
    this.close()
    const from = this.#logPath
    this.#fileName = fileName
    this.#disk.rename(from, this.#logPath)
  }

  remove(): void {
    this.close()
    this.#isRemoved = true
    this.#disk.remove(this.#logPath)
    this.#disk.remove(this.#indexPath)
  }

  /** The stored entries, then the headers after the last of them. */
  #loadIndex(): SparseIndex {
    const stored = this.#disk.readFile(this.#indexPath)
    const index = SparseIndex.decode(stored ?? Buffer.alloc(0), this.sizeBytes)
    const isWhole = index.count * SparseIndex.filePosition(1) === (stored?.length ?? 0)
    if (!isWhole) this.#disk.remove(this.#indexPath)
    this.#storedEntries = isWhole ? index.count : 0
    this.#lastIndexedPosition = index.lastPosition
    this.#maxTimestampMs = index.lastTimestampMs
    for (const place of this.batches(index.lastPosition)) {
      if (place.position - this.#lastIndexedPosition >= limits.indexIntervalBytes) {
        index.add(place.baseOffset - this.baseOffset, place.position, this.#maxTimestampMs)
        this.#lastIndexedPosition = place.position
      }
      this.#maxTimestampMs = Math.max(this.#maxTimestampMs, place.maxTimestampMs)
    }
    return index
  }

  #cutTail(): void {
    try {
      this.file.truncate(this.sizeBytes)
    } catch {
      // The caller reports the write's own error; the tail is overwritten by the next append or cut by recovery.
    }
  }
}

/** Reads the header at `at` of `buffer`, which stands at `position` of the file. */
export function placeOf(buffer: Buffer, at: number, position: number): BatchPlace {
  const baseOffset = batchBaseOffset(buffer, at)
  return {
    position,
    sizeBytes: batchSizeBytes(buffer, at),
    baseOffset,
    lastOffset: baseOffset + batchLastOffsetDelta(buffer, at),
    // A batch that compaction has emptied has no record to be found by its time.
    maxTimestampMs: batchRecordCount(buffer, at) === 0 ? -1 : batchMaxTimestamp(buffer, at),
  }
}

/** As in Kafka: the base offset with 20 digits. */
export function segmentName(baseOffset: number): string {
  return String(baseOffset).padStart(20, '0')
}

/** The base offset of a segment's file, or undefined when the name is another file's. */
export function segmentBaseOffset(fileName: string): number | undefined {
  const match = /^(\d{20})\.log$/.exec(fileName)
  return match?.[1] === undefined ? undefined : Number(match[1])
}
