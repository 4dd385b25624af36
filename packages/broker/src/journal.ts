import { dirname, join } from 'node:path'
import type { Logger } from '@millrace/core'
import { limits } from './limits.ts'
import type { Disk, DiskFile } from './log/disk.ts'
import { decodeFrame, encodeFrame } from './log/frames.ts'
import type { FsyncMode } from './log/partition-log.ts'
import type { GroupSync, Syncable } from './log/group-sync.ts'
import { BrokerError } from './errors.ts'

/** One change of the broker's own state; `type` says which part of the state it belongs to. */
export interface JournalRecord {
  readonly type: string
}

const VERSION = 1

export interface JournalOptions<R extends JournalRecord> {
  readonly disk: Disk
  readonly directory: string
  readonly logger: Logger
  readonly fsync: FsyncMode
  readonly groupSync: GroupSync
  /** Applies a record to the state; called for each stored record when the journal is opened. */
  readonly replay: (record: R) => void
  /** The present state as records; replaying them on an empty state gives the same state. */
  readonly snapshot: () => Iterable<R>
}

/**
 * Everything the broker must remember that is not a record of a topic: topics and their settings, log starts, producer ids, groups with
 * members and offsets. Each change is a record; replaying them rebuilds the state (as Kafka's group coordinator does with its topic).
 * Records appended together stand in one checksummed frame: after a crash all of them are there or none. That is what a
 * transaction's commit will rely on.
 */
export class Journal<R extends JournalRecord> implements Syncable {
  readonly #options: JournalOptions<R>
  readonly #path: string
  #file: DiskFile
  #sizeBytes = 0
  /** Up to where it is on the device, or was there when it was opened. */
  #syncedBytes = 0
  /** Size right after the last rewrite. */
  #rewrittenBytes = 0
  #failure: Error | undefined
  #isClosed = false

  private constructor(options: JournalOptions<R>) {
    this.#options = options
    this.#path = join(options.directory, 'journal')
    this.#file = options.disk.open(this.#path)
  }

  /** Opens or creates the journal and replays it. A torn last frame, which was never acknowledged, is cut off. */
  static open<R extends JournalRecord>(options: JournalOptions<R>): Journal<R> {
    const journal = new Journal(options)
    journal.#replay()
    return journal
  }

  get sizeBytes(): number {
    return this.#sizeBytes
  }

  /**
   * Appends records as one frame. They survive kill -9 when this returns; `durable` says when they survive a power cut.
   * The caller has applied them to the state, or does so before it gives up the thread.
   * @throws the disk's error; nothing was appended then
   */
  append(records: readonly R[]): void {
    if (this.#failure !== undefined) throw this.#failure
    if (records.length === 0) return
    const frame = encodeFrame(records)
    try {
      this.#file.write(frame, this.#sizeBytes)
    } catch (error) {
      throw storageError(this.#path, error)
    }
    if (this.#options.fsync === 'always') this.#syncNow()
    this.#sizeBytes += frame.length
    if (this.#options.fsync === 'always') this.#syncedBytes = this.#sizeBytes
  }

  #syncNow(): void {
    try {
      this.#file.syncNow()
    } catch (error) {
      this.#failSync(error)
      throw syncError(this.#path, error)
    }
  }

  /**
   * Nobody knows what is on the device: the journal takes nothing more until it is opened again. What nobody was told of is cut away, since
   * the kernel may take it for written ever after (fsyncgate), and what follows would stand behind a hole.
   */
  #failSync(error: unknown): void {
    if (this.#failure !== undefined) return
    this.#failure = syncError(this.#path, error)
    this.#options.logger.error('the journal failed and takes no more changes until restart', {
      path: this.#path,
      error,
    })
    if (this.#options.fsync === 'os') return
    try {
      this.#file.truncate(this.#syncedBytes)
    } catch (cause) {
      this.#options.logger.error('changes whose sync failed could not be cut away', {
        path: this.#path,
        error: cause,
      })
    }
  }

  /** Resolves when everything appended so far may be acknowledged under the fsync mode. */
  durable(): Promise<void> {
    return this.#options.fsync === 'group' ? this.#options.groupSync.wait(this) : Promise.resolve()
  }

  async sync(): Promise<void> {
    if (this.#isClosed) return
    if (this.#failure !== undefined) throw this.#failure
    const file = this.#file
    const sizeBytes = this.#sizeBytes
    try {
      await file.sync()
    } catch (error) {
      // A rewrite replaced the file meanwhile and has synced its successor.
      if (file !== this.#file) return
      this.#failSync(error)
      throw this.#failure ?? error
    }
    if (file === this.#file) this.#syncedBytes = Math.max(this.#syncedBytes, sizeBytes)
  }

  /** Rewrites the journal as a snapshot of the state when it has grown well beyond that. */
  compactIfGrown(): void {
    if (this.#sizeBytes > Math.max(limits.journalCompactionBytes, 4 * this.#rewrittenBytes))
      this.compact()
  }

  /** Rewrites the journal as a snapshot of the state. The file is the old or the new one at any instant. */
  compact(): void {
    const frames = [encodeFrame({ journal: VERSION })]
    let pending: R[] = []
    for (const record of this.#options.snapshot()) {
      pending.push(record)
      if (pending.length === 1000) {
        frames.push(encodeFrame(pending))
        pending = []
      }
    }
    if (pending.length > 0) frames.push(encodeFrame(pending))
    const bytes = Buffer.concat(frames)
    this.#options.disk.replaceFile(this.#path, bytes, true)
    this.#file.close()
    this.#file = this.#options.disk.open(this.#path)
    this.#sizeBytes = bytes.length
    this.#syncedBytes = bytes.length
    this.#rewrittenBytes = bytes.length
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    if (this.#failure === undefined) await this.sync()
    this.#isClosed = true
    this.#file.close()
  }

  #replay(): void {
    const bytes = this.#options.disk.readFile(this.#path) ?? Buffer.alloc(0)
    if (bytes.length === 0) return this.#begin()
    const head = decodeFrame(bytes, 0)
    this.#checkHead(head?.value)
    let at = head?.next ?? 0
    for (let frame; (frame = decodeFrame(bytes, at)) !== undefined; at = frame.next)
      for (const record of frame.value as R[]) this.#options.replay(record)
    if (at < bytes.length) this.#cut(bytes, at)
    this.#sizeBytes = at
    this.#syncedBytes = at
    this.#rewrittenBytes = at
  }

  #begin(): void {
    const head = encodeFrame({ journal: VERSION })
    this.#file.write(head, 0)
    this.#file.syncNow()
    this.#options.disk.syncDirectory(dirname(this.#path))
    this.#sizeBytes = head.length
    this.#syncedBytes = head.length
  }

  #checkHead(head: unknown): void {
    const version = (head as { journal?: unknown } | undefined)?.journal
    if (version === VERSION) return
    throw new BrokerError(
      'MR_BROKER_DIRECTORY_UNREADABLE',
      version === undefined
        ? `"${this.#path}" does not begin like a journal of this broker. Nothing was changed; use another --dir, or restore the file.`
        : `"${this.#path}" has version ${JSON.stringify(version)}; this broker reads version ${VERSION}. Nothing was changed; start the version that wrote it.`,
      { path: this.#path, version },
    )
  }

  /** Keeps what is cut away beside the journal: if it is more than one torn frame, someone will want to look. */
  #cut(bytes: Buffer, at: number): void {
    const lostBytes = bytes.length - at
    this.#options.disk.replaceFile(`${this.#path}.damaged`, bytes.subarray(at), false)
    this.#options.logger.warn('the journal was cut before its first damaged frame', {
      path: this.#path,
      position: at,
      lostBytes,
    })
    this.#file.truncate(at)
  }
}

function syncError(path: string, error: unknown): BrokerError {
  return new BrokerError(
    'MR_BROKER_STORAGE_FAILED',
    `Syncing "${path}" failed; what it was for was not acknowledged, and no change is made until the broker is restarted. Check the disk first.`,
    { path },
    { cause: error },
  )
}

function storageError(path: string, error: unknown): BrokerError {
  return new BrokerError(
    'MR_BROKER_STORAGE_FAILED',
    `Writing to "${path}" failed; the change was not made. Free space, or check the disk, and try again.`,
    { path },
    { cause: error },
  )
}
