import { join } from 'node:path'
import { assert, type Clock, type Logger } from '@millrace/core'
import { setBatchBaseOffset, setBatchLeaderEpoch } from '@millrace/protocol'
import { limits } from '../limits.ts'
import type { Disk } from './disk.ts'
import { encodeFrame } from './frames.ts'
import { recoverLog, type Checkpoint } from './log-recovery.ts'
import type { AbortedTransaction, LogTransactions, OpenTransaction } from './log-transactions.ts'
import type { ProducerStates, ProducedBatch, ProducerView } from './producer-states.ts'
import { swapSegments } from './segment-swap.ts'
import { Segment } from './segment.ts'
import { buildMarker, type TransactionMarker } from './transaction-marker.ts'

/** The topic settings that a log obeys. `-1` means without bound, as in Kafka. */
export interface LogSettings {
  readonly segmentBytes: number
  readonly segmentMs: number
  readonly retentionMs: number
  readonly retentionBytes: number
  /** Whether `cleanup.policy` contains `delete`. */
  readonly deletesOld: boolean
}

export interface LogContext {
  readonly disk: Disk
  readonly clock: Clock
  readonly logger: Logger
  /**
   * When records may be shown and acknowledged: `os` once they are in the page cache, `always` after an fdatasync of their own,
   * `group` after one shared with others, which the broker's `GroupSync` calls.
   */
  readonly fsync: FsyncMode
}

export type FsyncMode = 'os' | 'group' | 'always'

/** A batch that has passed the produce checks, with the header fields the log needs. */
export interface CheckedBatch {
  readonly bytes: Buffer
  readonly lastOffsetDelta: number
  readonly maxTimestampMs: number
  /** -1: not idempotent. */
  readonly producerId: number
  readonly producerEpoch: number
  readonly firstSequence: number
  readonly lastSequence: number
  /** Part of its producer's transaction; that the transaction allows it has been checked. */
  readonly isTransactional: boolean
}

export type AppendVerdict =
  | { readonly kind: 'appended'; readonly baseOffset: number }
  | { readonly kind: 'duplicate'; readonly batch: ProducedBatch }
  | { readonly kind: 'staleEpoch' }
  | { readonly kind: 'outOfOrder' }
  /** A plain batch of a producer that has a transaction open here. */
  | { readonly kind: 'transactionOpen' }

/** Told how many bytes have become readable; null: look again (log start moved, or the log is gone). */
export type VisibilityListener = (bytes: number | null) => void

/**
 * The records of one partition: segments on disk, the state of its producers, and three offsets.
 * `logStartOffset` ≤ `highWatermark` ≤ `endOffset`; readers see up to the high watermark, which trails the end only in `group` mode, where
 * records wait for their sync. Readers of committed records alone see up to the last stable offset: where the first open transaction
 * begins, or the high watermark. All methods run to their end without giving up the thread, so no call sees another half done; only
 * syncs wait, and they note beforehand what they will have made durable.
 */
export class PartitionLog {
  readonly directory: string
  settings: LogSettings
  readonly #context: LogContext
  /** Oldest first, never empty; the last one is written to. */
  #segments: Segment[]
  #producers: ProducerStates
  #transactions: LogTransactions
  #logStartOffset: number
  #endOffset: number
  #highWatermark: number
  /** Bytes appended since the log was opened, and how many of them are readable. */
  #appendedBytes = 0
  #visibleBytes = 0
  /** Bytes appended when the last checkpoint was taken. */
  #checkpointedBytes = 0
  /** Settles, never rejects, when the checkpoint that is being taken is over. */
  #checkpointing: Promise<void> | undefined
  /** Settles, never rejects, when every sync so far is over. */
  #syncing: Promise<unknown> = Promise.resolve()
  /** Segments with writes that may not be on the device yet. */
  readonly #unsynced = new Set<Segment>()
  /** When the active segment got its first batch, for `segment.ms`; undefined while it is empty. */
  #activeSinceMs: number | undefined
  /** Set for good when the disk failed in a way that leaves the log's end unknown. */
  #failure: Error | undefined
  readonly #listeners = new Set<VisibilityListener>()
  #leaderEpoch = 0
  /** The same for readers of committed records alone, and how many bytes they have been told of. */
  readonly #stableListeners = new Set<VisibilityListener>()
  #stableBytes = 0

  private constructor(
    directory: string,
    settings: LogSettings,
    context: LogContext,
    startOffset: number,
  ) {
    this.directory = directory
    this.settings = settings
    this.#context = context
    const recovered = recoverLog(context.disk, directory, context.logger, context.clock.now())
    this.#segments = recovered.segments
    this.#producers = recovered.producers
    this.#transactions = recovered.transactions
    this.#endOffset = recovered.endOffset
    this.#highWatermark = recovered.endOffset
    this.#logStartOffset = Math.min(
      Math.max(startOffset, this.#segments[0]!.baseOffset),
      recovered.endOffset,
    )
    if (this.#active.sizeBytes > 0) this.#activeSinceMs = context.clock.now()
    if (recovered.replayedBytes > 0) {
      this.#unsynced.add(this.#active)
      // What was replayed is worth a checkpoint of its own, or the next start replays it again.
      this.#appendedBytes = recovered.replayedBytes
      this.#visibleBytes = recovered.replayedBytes
    }
    this.#transactions.forgetBefore(this.#logStartOffset)
    this.#transactions.settle(this.#highWatermark)
    this.#stableBytes = this.#countStableBytes()
  }

  /**
   * Opens or creates the log in `directory`. Everything since the last checkpoint is read and checked; the log ends before the first
   * batch that is torn or damaged.
   * @param startOffset to which DeleteRecords moved the log start, 0 when it never did
   */
  static open(
    directory: string,
    settings: LogSettings,
    context: LogContext,
    startOffset = 0,
  ): PartitionLog {
    context.disk.makeDirectory(directory)
    return new PartitionLog(directory, settings, context, startOffset)
  }

  get logStartOffset(): number {
    return this.#logStartOffset
  }

  /** Written into every batch appended. Rises when the partition's leader moves; set from the broker's journal after a start. */
  get leaderEpoch(): number {
    return this.#leaderEpoch
  }

  set leaderEpoch(epoch: number) {
    this.#leaderEpoch = epoch
    this.#notify(null)
  }

  get highWatermark(): number {
    return this.#highWatermark
  }

  get endOffset(): number {
    return this.#endOffset
  }

  /**
   * All below it is decided: where the first transaction begins whose marker is not readable yet, or the high watermark. Never below the
   * log start.
   */
  get lastStableOffset(): number {
    const unstable = this.#transactions.firstUnstable
    if (unstable === undefined) return this.#highWatermark
    return Math.min(Math.max(unstable.firstOffset, this.#logStartOffset), this.#highWatermark)
  }

  /** Transactions that have records here and no marker yet, in the order they began. */
  get openTransactions(): Iterable<OpenTransaction> {
    return this.#transactions.open
  }

  openTransactionOf(producerId: number): OpenTransaction | undefined {
    return this.#transactions.of(producerId)
  }

  /** Every aborted transaction with its marker in the log, in marker order. */
  get abortedTransactions(): readonly AbortedTransaction[] {
    return this.#transactions.aborted
  }

  /** What a read_committed reader of `[fromOffset, toOffset)` must drop, in marker order. */
  abortedIn(fromOffset: number, toOffset: number): AbortedTransaction[] {
    return this.#transactions.abortedIn(fromOffset, toOffset)
  }

  /** Compaction removed these abort markers; without them their transactions may not be listed any more. */
  forgetAbortMarkers(markerOffsets: ReadonlySet<number>): void {
    this.#transactions.forgetMarkers(markerOffsets)
  }

  /** Idempotent and transactional producers remembered here, in the order of their last use. */
  get producers(): Iterable<ProducerView> {
    return this.#producers.entries()
  }

  knowsProducer(producerId: number): boolean {
    return this.#producers.has(producerId)
  }

  get sizeBytes(): number {
    return this.#segments.reduce((sum, segment) => sum + segment.sizeBytes, 0)
  }

  /** Oldest first; the last one is written to, the others never again. */
  get segments(): readonly Segment[] {
    return this.#segments
  }

  get segmentCount(): number {
    return this.#segments.length
  }

  /** The disk error after which the log takes nothing more, if there was one. */
  get failure(): Error | undefined {
    return this.#failure
  }

  get #active(): Segment {
    return this.#segments.at(-1)!
  }

  /**
   * Puts the batch at the end and assigns its offsets in place. In `os` and `always` mode it is readable when this returns; in `group` mode
   * after the next `sync`.
   * @throws the disk's error; nothing was appended then
   */
  append(batch: CheckedBatch): AppendVerdict {
    if (this.#failure !== undefined) throw this.#failure
    const verdict = this.#checkSequence(batch)
    if (verdict !== undefined) return verdict
    const bytesBefore = this.#appendedBytes
    const baseOffset = this.#write(batch.bytes, batch.lastOffsetDelta, batch.maxTimestampMs)
    if (batch.producerId >= 0)
      this.#recordProducer(batch, baseOffset, baseOffset + batch.lastOffsetDelta)
    if (batch.isTransactional) {
      const { producerId, producerEpoch } = batch
      const open = { producerId, producerEpoch, firstOffset: baseOffset, bytesBefore }
      this.#transactions.noteBatch(open)
    }
    this.#finishAppend()
    return { kind: 'appended', baseOffset }
  }

  /**
   * Ends the producer's transaction here, or, where it has none, only fences what comes with a lower epoch. Readable like any batch.
   * @returns the marker's offset
   * @throws the disk's error; nothing was appended then
   */
  appendMarker(marker: TransactionMarker): number {
    if (this.#failure !== undefined) throw this.#failure
    const nowMs = this.#context.clock.now()
    const offset = this.#write(buildMarker(marker, nowMs), 0, nowMs)
    this.#producers.recordMarker(marker.producerId, marker.producerEpoch, nowMs)
    this.#transactions.noteMarker(marker.producerId, offset, marker.isCommit)
    this.#finishAppend()
    return offset
  }

  /** Makes durable and readable what was appended before the call. After a failed sync nobody knows what is on the device: the log stops. */
  async sync(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure
    const endOffset = this.#endOffset
    const appendedBytes = this.#appendedBytes
    const segments = [...this.#unsynced]
    this.#unsynced.clear()
    // A sync that is under way (a checkpoint's) has taken segments off the list: what it covers is not durable before it is over.
    const before = this.#syncing
    const synced = Promise.all([before, ...segments.map((segment) => segment.sync())])
    this.#syncing = synced.catch(() => {})
    try {
      await synced
    } catch (error) {
      this.#failSync(error as Error)
      throw error
    }
    if (this.#failure !== undefined) throw this.#failure
    this.#show(endOffset, appendedBytes)
  }

  /**
   * Whole batches from the one that holds `offset` on, as they stand in the file.
   * @param maxBytes bound of the answer; with `minOneBatch` the first batch comes whole even if it is larger (KIP-74)
   * @param isStableOnly ends at the last stable offset instead of the high watermark (read_committed)
   * @returns an empty Buffer where that end is reached, undefined when `offset` lies outside of the log
   */
  read(
    offset: number,
    maxBytes: number,
    minOneBatch: boolean,
    isStableOnly = false,
  ): Buffer | undefined {
    if (offset < this.#logStartOffset || offset > this.#highWatermark) return undefined
    const endOffset = isStableOnly ? this.lastStableOffset : this.#highWatermark
    if (offset >= endOffset) return Buffer.alloc(0)
    for (let index = this.#segmentIndexOf(offset); index < this.#segments.length; index++) {
      const segment = this.#segments[index]!
      const first = segment.findOffset(
        offset,
        segment.index.positionBefore(offset - segment.baseOffset),
      )
      // Compaction may leave a segment without anything at or above the offset; the next one has it.
      if (first !== undefined) return segment.read(first, maxBytes, minOneBatch, endOffset)
    }
    return Buffer.alloc(0)
  }

  /** The batch that holds the first record with a timestamp of `timestampMs` or later, whole; undefined when there is none. */
  readAtTime(timestampMs: number): Buffer | undefined {
    for (const segment of this.#segments) {
      if (segment.maxTimestampMs < timestampMs) continue
      for (const place of segment.batches(segment.index.positionBeforeTime(timestampMs))) {
        if (place.baseOffset >= this.#highWatermark) return undefined
        if (place.maxTimestampMs >= timestampMs && place.lastOffset >= this.#logStartOffset)
          return segment.read(place, place.sizeBytes, true, this.#highWatermark)
      }
    }
    return undefined
  }

  /** The highest timestamp of a readable record, undefined when there is none. */
  maxTimestampMs(): number | undefined {
    const highest = Math.max(...this.#segments.map((segment) => segment.maxTimestampMs))
    return this.#highWatermark === this.#logStartOffset || highest < 0 ? undefined : highest
  }

  /**
   * Readers are told of every growth of the part they may read until they take the listener back.
   * @param isStableOnly of the part below the last stable offset: a commit or abort tells of all that it made stable
   */
  listen(listener: VisibilityListener, isStableOnly = false): () => void {
    const listeners = isStableOnly ? this.#stableListeners : this.#listeners
    listeners.add(listener)
    return () => listeners.delete(listener)
  }

  /** Bytes that became readable since the log was opened: the difference of two calls says how much came in between. */
  get visibleBytes(): number {
    return this.#visibleBytes
  }

  /** Moves the log start up and removes segments that lie wholly before it. The caller has made the new start durable. */
  advanceLogStart(offset: number): void {
    if (offset <= this.#logStartOffset) return
    assert(offset <= this.#highWatermark, `Log start ${offset} beyond ${this.#highWatermark}`)
    this.#logStartOffset = offset
    while (this.#segments.length > 1 && this.#segments[1]!.baseOffset <= offset)
      this.#removeOldest()
    this.#transactions.forgetBefore(offset)
    this.#notify(null)
  }

  /**
   * Removes segments that are older than `retention.ms` or that exceed `retention.bytes`. Producers keep their state.
   * @returns how many segments went
   */
  applyRetention(): number {
    if (!this.settings.deletesOld) return 0
    let removed = 0
    this.#rollIfExpired()
    while (this.#segments.length > 1 && (this.#isOldestExpired() || this.#isOldestSurplus())) {
      const next = this.#segments[1]!.baseOffset
      if (next > this.#highWatermark) break
      this.#logStartOffset = Math.max(this.#logStartOffset, next)
      this.#removeOldest()
      removed++
    }
    if (removed > 0) {
      this.#transactions.forgetBefore(this.#logStartOffset)
      this.#notify(null)
    }
    return removed
  }

  /** Closes the active segment, so that compaction may have it; an empty one stays. */
  roll(): void {
    if (this.#active.sizeBytes > 0) this.#roll()
  }

  /**
   * Compaction: puts one segment in the place of some closed ones, which readers see at once. No checkpoint may point into them any more.
   * @returns false when they are not there as they were, because retention or a deletion came first; nothing has happened then
   */
  replaceSegments(old: readonly Segment[], cleaned: Segment): boolean {
    const at = this.#segments.indexOf(old[0]!)
    const next = this.#segments[at + old.length]
    const isThere = at >= 0 && old.every((segment, index) => this.#segments[at + index] === segment)
    if (this.#failure !== undefined || next === undefined || !isThere) return false
    const { disk, fsync } = this.#context
    for (const segment of old) this.#unsynced.delete(segment)
    try {
      swapSegments(disk, this.directory, old, cleaned, next.baseOffset, fsync !== 'os')
    } catch (error) {
      // Which files are there now only recovery can tell.
      this.#fail(error as Error)
      throw error
    }
    this.#segments.splice(at, old.length, cleaned)
    return true
  }

  /** Forgets producers idle for longer than `limits.producerExpirationMs`. */
  expireProducers(): void {
    const beforeMs = this.#context.clock.now() - limits.producerExpirationMs
    this.#producers.expire(beforeMs, (id) => this.#transactions.of(id) !== undefined)
  }

  /** True when enough was appended, or anything and `isDue`, since the last checkpoint. */
  needsCheckpoint(isDue: boolean): boolean {
    const pending = this.#appendedBytes - this.#checkpointedBytes
    return this.#checkpointing === undefined && pending > (isDue ? 0 : limits.checkpointBytes)
  }

  /** Syncs, then notes how far the log need not be checked at the next start, and the state of the producers there. */
  async checkpoint(): Promise<void> {
    if (this.#checkpointing === undefined && this.#failure === undefined) await this.checkpointNow()
  }

  /** The same of the state at the call: where one is being taken already, another follows it. */
  async checkpointNow(): Promise<void> {
    while (this.#checkpointing !== undefined) await this.#checkpointing
    if (this.#failure !== undefined) throw this.#failure
    const written = this.#writeCheckpoint()
    this.#checkpointing = written.catch(() => {})
    try {
      await written
    } finally {
      this.#checkpointing = undefined
    }
  }

  /** Syncs, checkpoints and closes the files. */
  async close(): Promise<void> {
    if (this.#failure === undefined && this.#appendedBytes > this.#checkpointedBytes) {
      const note = this.#prepareCheckpoint()
      await this.sync()
      note()
    }
    this.abandon()
  }

  /** Closes the files and writes nothing, as before a deletion. */
  abandon(): void {
    this.#failure ??= new Error(`The log in ${this.directory} is closed`)
    for (const segment of this.#segments) segment.close()
    this.#notify(null)
    this.#listeners.clear()
    this.#stableListeners.clear()
  }

  #checkSequence(batch: CheckedBatch): AppendVerdict | undefined {
    if (batch.producerId < 0) return undefined
    const { producerId, producerEpoch, firstSequence, lastSequence } = batch
    const verdict = this.#producers.check(producerId, producerEpoch, firstSequence, lastSequence)
    if (verdict.kind !== 'append') return verdict
    const isOpen = this.#transactions.of(producerId) !== undefined
    return isOpen && !batch.isTransactional ? { kind: 'transactionOpen' } : undefined
  }

  /** Puts the batch at the end of the active segment and assigns its offsets in place. */
  #write(bytes: Buffer, lastOffsetDelta: number, maxTimestampMs: number): number {
    this.#rollIfNeeded(bytes.length, lastOffsetDelta)
    const baseOffset = this.#endOffset
    const lastOffset = baseOffset + lastOffsetDelta
    setBatchBaseOffset(bytes, 0, baseOffset)
    setBatchLeaderEpoch(bytes, 0, this.#leaderEpoch)
    this.#active.append(bytes, lastOffset, maxTimestampMs)
    this.#activeSinceMs ??= this.#context.clock.now()
    this.#endOffset = lastOffset + 1
    this.#appendedBytes += bytes.length
    this.#unsynced.add(this.#active)
    return baseOffset
  }

  #finishAppend(): void {
    if (this.#context.fsync === 'always') this.#syncNow()
    if (this.#context.fsync !== 'group') this.#show(this.#endOffset, this.#appendedBytes)
  }

  #recordProducer(batch: CheckedBatch, firstOffset: number, lastOffset: number): void {
    const { firstSequence, lastSequence, maxTimestampMs: timestampMs } = batch
    this.#producers.record(
      batch.producerId,
      batch.producerEpoch,
      { firstSequence, lastSequence, firstOffset, lastOffset, timestampMs },
      this.#context.clock.now(),
    )
  }

  #rollIfNeeded(sizeBytes: number, lastOffsetDelta: number): void {
    const active = this.#active
    if (active.sizeBytes === 0) return
    const isFull = active.sizeBytes + sizeBytes > this.settings.segmentBytes
    const isOld =
      this.#activeSinceMs !== undefined &&
      this.#context.clock.now() - this.#activeSinceMs >= this.settings.segmentMs
    // Offsets within a segment are 32 bits in the index.
    const isWide = this.#endOffset + lastOffsetDelta - active.baseOffset > 0x7fff_ffff
    if (isFull || isOld || isWide) this.#roll()
  }

  #roll(): void {
    // A power cut must not take the tail of a segment whose successor is there already: offsets without records would be left.
    if (this.#context.fsync !== 'os') this.#syncNow()
    const next = new Segment(this.#context.disk, this.directory, this.#endOffset, 0)
    // The file must exist before records rely on it, and its name survive a power cut.
    next.file.truncate(0)
    if (this.#context.fsync !== 'os') this.#context.disk.syncDirectory(this.directory)
    this.#segments.push(next)
    this.#activeSinceMs = undefined
  }

  #show(endOffset: number, appendedBytes: number): void {
    const bytes = appendedBytes - this.#visibleBytes
    if (bytes <= 0) return
    this.#highWatermark = endOffset
    this.#visibleBytes = appendedBytes
    this.#transactions.settle(endOffset)
    for (const listener of this.#listeners) listener(bytes)
    const stableBytes = this.#countStableBytes()
    const grown = stableBytes - this.#stableBytes
    if (grown <= 0) return
    this.#stableBytes = stableBytes
    for (const listener of this.#stableListeners) listener(grown)
  }

  /** Bytes appended below the last stable offset since the log was opened; what was there before counts for nothing. */
  #countStableBytes(): number {
    const unstable = this.#transactions.firstUnstable
    return Math.min(unstable?.bytesBefore ?? Infinity, this.#visibleBytes)
  }

  #notify(bytes: number | null): void {
    for (const listener of this.#listeners) listener(bytes)
    for (const listener of this.#stableListeners) listener(bytes)
  }

  #syncNow(): void {
    try {
      for (const segment of this.#unsynced) segment.file.syncNow()
    } catch (error) {
      this.#failSync(error as Error)
      throw error
    }
    this.#unsynced.clear()
  }

  /**
   * After a failed sync the kernel may take pages for written that never were (fsyncgate). What is written behind them after a restart would
   * stand behind a hole, so what nobody was told of is cut away. In `os` mode all was told of.
   */
  #failSync(error: Error): void {
    if (this.#failure !== undefined) return
    this.#fail(error)
    if (this.#context.fsync === 'os') return
    const offset = this.#highWatermark
    try {
      for (const segment of this.#segments.slice(this.#segmentIndexOf(offset))) {
        const from = segment.index.positionBefore(offset - segment.baseOffset)
        const first = segment.findOffset(offset, from)
        if (first !== undefined) segment.truncate(first.position)
      }
    } catch (cause) {
      this.#context.logger.error('records whose sync failed could not be cut away', {
        directory: this.directory,
        error: cause,
      })
    }
  }

  #fail(error: Error): void {
    this.#failure = error
    this.#context.logger.error('a partition log failed and takes no more records until restart', {
      directory: this.directory,
      error,
    })
  }

  #isOldestExpired(): boolean {
    const { retentionMs } = this.settings
    return retentionMs >= 0 && this.#ageMsOf(this.#segments[0]!) > retentionMs
  }

  #isOldestSurplus(): boolean {
    const { retentionBytes } = this.settings
    return retentionBytes >= 0 && this.sizeBytes - this.#segments[0]!.sizeBytes >= retentionBytes
  }

  /** When even the newest record is too old, the active segment is closed so that it can go as well. */
  #rollIfExpired(): void {
    const { retentionMs } = this.settings
    const active = this.#active
    if (active.sizeBytes > 0 && retentionMs >= 0 && this.#ageMsOf(active) > retentionMs)
      this.#roll()
  }

  /** By the newest record; by the file's last write when that record claims to be from the future, or it would stay for ever. */
  #ageMsOf(segment: Segment): number {
    const nowMs = this.#context.clock.now()
    const newestMs = segment.maxTimestampMs
    return nowMs - (newestMs > nowMs || newestMs < 0 ? segment.modifiedMs : newestMs)
  }

  #removeOldest(): void {
    const oldest = this.#segments.shift()!
    this.#unsynced.delete(oldest)
    oldest.remove()
  }

  #segmentIndexOf(offset: number): number {
    let low = 0
    let high = this.#segments.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#segments[middle]!.baseOffset <= offset) low = middle + 1
      else high = middle
    }
    return Math.max(0, low - 1)
  }

  async #writeCheckpoint(): Promise<void> {
    const note = this.#prepareCheckpoint()
    await this.sync()
    note()
  }

  /** Notes the present state; what it returns writes the note, once a sync has made the state durable. */
  #prepareCheckpoint(): () => void {
    const active = this.#active
    const appendedBytes = this.#appendedBytes
    const indexed = this.#segments.map((segment) => [segment, segment.index.count] as const)
    const checkpoint: Checkpoint = {
      version: 1,
      segment: active.baseOffset,
      position: active.sizeBytes,
      endOffset: this.#endOffset,
      producers: this.#producers.snapshot(),
      transactions: this.#transactions.snapshot(),
    }
    const frame = encodeFrame(checkpoint)
    return () => {
      if (this.#failure !== undefined) return
      for (const [segment, count] of indexed)
        if (this.#segments.includes(segment)) segment.storeIndex(count)
      this.#context.disk.replaceFile(join(this.directory, 'checkpoint'), frame, false)
      this.#checkpointedBytes = appendedBytes
    }
  }
}
