/**
 * The state of one task in LMDB. Changes stay in memory, merged into what is read, until the task's commit; then all of them and the
 * changelog offsets are written in one transaction, after Kafka's: the state on disk may lag behind its changelog and never leads it
 * (trap 40), so that nothing has to be wiped after a crash.
 *
 * LMDB reads through mapped memory: a file that is cut or damaged would end the process by a signal where it is read, or hide keys. So its
 * length and its pages are looked at before it is opened, and a mark on disk tells the next process where opening was the last thing that
 * was done.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { faults, type Clock, type Logger } from '@millrace/core'
import { open, type Database, type RootDatabase } from 'lmdb'
import { StreamsError } from '../errors.ts'
import { BlockMemory } from './journal-blocks.ts'
import { LmdbBytes } from './lmdb-bytes.ts'
import { LmdbJournal } from './lmdb-journal.ts'
import { keyEncoder } from './lmdb-keys.ts'
import type { LmdbStore } from './lmdb-store.ts'
import { wantedSizeBytes } from './lmdb-file.ts'
import { pageFault } from './lmdb-pages.ts'
import type { TaskEnvironment } from './task-environment.ts'
import type { JournalOwner, StateJournal } from './state-journal.ts'
import type { PersistentBytes } from './store.ts'

export interface LmdbEnvironmentOptions {
  /** Of this task alone; made where it is missing. */
  readonly directory: string
  readonly taskId: string
  readonly clock: Clock
  readonly logger: Logger
}

const dataFile = 'data.mdb'
const lockFile = 'lock.mdb'
/** Present while the environment is being opened, and for good after an error of the store. */
const doubtFile = 'in-doubt'
/** Stores of one task; LMDB wants to know. */
const maxStores = 250
const initialMapBytes = 67_108_864
const writtenAtKey = ' writtenAt'
/** No name of a store has a space: what one was as rows is not read as a journal, should its kind have changed. */
const journalSuffix = ' journal'

/** Opens nothing on disk before the first store asks for it. */
export function openTaskEnvironment(options: LmdbEnvironmentOptions): TaskEnvironment {
  return new LmdbEnvironment(options)
}

class LmdbEnvironment implements TaskEnvironment {
  readonly #options: LmdbEnvironmentOptions
  readonly #stores = new Map<string, LmdbStore>()
  readonly #blocks = new BlockMemory()
  #root: RootDatabase<Buffer, Buffer> | undefined
  /** Changelog offset by store, and when the last commit was. */
  #facts: Database<Buffer, string> | undefined
  #isClosed = false

  constructor(options: LmdbEnvironmentOptions) {
    this.#options = options
  }

  get bufferedBytes(): number {
    let sum = 0
    for (const store of this.#stores.values()) sum += store.bufferedBytes
    return sum
  }

  get writtenAtMs(): number | undefined {
    return this.#fact(writtenAtKey)
  }

  open(store: string): PersistentBytes {
    const present = this.#stores.get(store)
    if (present instanceof LmdbBytes) return present
    const bytes = new LmdbBytes(this.#database(store), (error) => this.#doubt(error))
    this.#stores.set(store, bytes)
    return bytes
  }

  journal(store: string, owner: JournalOwner): StateJournal {
    const database = this.#database(`${store}${journalSuffix}`)
    const journal = new LmdbJournal(database, owner, this.#blocks, (error) => this.#doubt(error))
    this.#stores.set(store, journal)
    return journal
  }

  storedOffset(store: string): number | undefined {
    // A store that is kept in memory now has nothing here that counts, whatever an earlier topology left.
    const present = this.#stores.get(store)
    return present && this.#fact(offsetKey(store, present))
  }

  commit(offsets: ReadonlyMap<string, number>): void {
    if (!this.#root || this.#isClosed) return
    const own = [...offsets].filter(([store]) => this.#stores.has(store))
    const changed = [...this.#stores.values()].filter((store) => store.hasChanges)
    if (own.length === 0 && changed.length === 0) return
    try {
      void faults.at('streams.state.write')
      this.#root.transactionSync(() => {
        for (const store of changed) store.write()
        for (const [store, offset] of own)
          this.#facts?.putSync(offsetKey(store, this.#stores.get(store)), numberBytes(offset))
        this.#facts?.putSync(writtenAtKey, numberBytes(this.#options.clock.now()))
      })
    } catch (error) {
      const named = own.map(([store]) => store)
      throw this.#notWritten(error, changed, named)
    }
    for (const store of changed) store.written()
  }

  wipe(store: string): void {
    const present = this.#stores.get(store)
    if (!present || !this.#root) return
    this.#root.transactionSync(() => {
      present.clear()
      this.#facts?.removeSync(offsetKey(store, present))
    })
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    for (const store of this.#stores.values()) store.drop()
    void this.#root?.close().catch((error: unknown) => {
      this.#options.logger.warn('the state of a task could not be closed', {
        taskId: this.#options.taskId,
        error,
      })
    })
  }

  #database(name: string): Database<Buffer, Buffer> {
    // Their types do not know of `keyEncoder`.
    const options = { name, encoding: 'binary', keyEncoder } as const
    return this.#opened().openDB<Buffer, Buffer>(options)
  }

  #fact(name: string): number | undefined {
    const bytes = this.#facts?.get(name)
    return bytes && bytes.length === 8 ? bytes.readDoubleBE() : undefined
  }

  #opened(): RootDatabase<Buffer, Buffer> {
    if (this.#root) return this.#root
    const { directory } = this.#options
    mkdirSync(directory, { recursive: true })
    const reason = whyInDoubt(directory)
    if (reason !== undefined) this.#rebuild(reason)
    try {
      return this.#openFiles()
    } catch (error) {
      this.#rebuild(String(error))
      return this.#openFiles()
    }
  }

  #openFiles(): RootDatabase<Buffer, Buffer> {
    const { directory } = this.#options
    const mark = join(directory, doubtFile)
    writeFileSync(mark, 'opening')
    const root = open<Buffer, Buffer>({
      path: directory,
      encoding: 'binary',
      keyEncoding: 'binary',
      maxDbs: maxStores + 1,
      mapSize: initialMapBytes,
      cache: false,
    })
    const facts = root.openDB<Buffer, string>({ name: ' facts', encoding: 'binary' })
    // Reads the first pages, where damage would show.
    for (const _ of facts.getRange({ limit: 1_000 })) continue
    this.#root = root
    this.#facts = facts
    rmSync(mark, { force: true })
    return root
  }

  #rebuild(reason: string): void {
    const { directory, taskId, logger } = this.#options
    logger.warn('the state on disk is damaged and is rebuilt from the changelogs', {
      taskId,
      directory,
      reason,
    })
    rmSync(directory, { recursive: true, force: true })
    mkdirSync(directory, { recursive: true })
  }

  /** After an error of LMDB nothing of the files is trusted by whoever opens them next. */
  #doubt(error: unknown): StreamsError {
    const { directory, taskId } = this.#options
    writeFileSync(join(directory, doubtFile), String(error))
    return new StreamsError(
      'MR_STREAMS_STATE_DAMAGED',
      `The state of task ${taskId} cannot be read: ${String(error)} It is rebuilt from its changelogs.`,
      { taskId },
      { cause: error },
    )
  }

  #notWritten(
    error: unknown,
    changed: readonly LmdbStore[],
    named: readonly string[],
  ): StreamsError {
    const { taskId } = this.#options
    const stores = [...this.#stores].flatMap(([name, store]) =>
      changed.includes(store) || named.includes(name) ? [name] : [],
    )
    return new StreamsError(
      'MR_STREAMS_STATE_NOT_WRITTEN',
      `The state of task ${taskId} was not written (${stores.join(', ')}): ${String(error)} What is on disk is that of the commit before; the changelogs have the rest, and the thread begins anew from there. Check the disk.`,
      { taskId, stores },
      { cause: error },
    )
  }
}

/** A store whose kind has changed does not take over the offset of what it was. */
function offsetKey(store: string, present: LmdbStore | undefined): string {
  return present instanceof LmdbJournal ? `${store}${journalSuffix}` : store
}

/** Why the files in a task's directory are not to be opened; undefined where nothing speaks against it. */
function whyInDoubt(directory: string): string | undefined {
  const mark = join(directory, doubtFile)
  if (existsSync(mark)) return `left in doubt: ${readFileSync(mark, 'utf8')}`
  const file = join(directory, dataFile)
  // Both are made at once: where one is left, the other was taken away.
  if (!existsSync(file))
    return existsSync(join(directory, lockFile)) ? `${dataFile} is gone` : undefined
  const sizeBytes = statSync(file).size
  const wantedBytes = wantedSizeBytes(file)
  if (wantedBytes === undefined) return 'it does not begin as LMDB files do'
  if (sizeBytes < wantedBytes) return `${sizeBytes} bytes where ${wantedBytes} are in use`
  return pageFault(file)
}

function numberBytes(value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleBE(value)
  return bytes
}
