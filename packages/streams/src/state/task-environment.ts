import type { StateEnvironment } from './store.ts'

/** As the runtime sees a task's state on disk. */
export interface TaskEnvironment extends StateEnvironment {
  /** Offset of the changelog up to which the store's content on disk goes; undefined where there is none. */
  storedOffset(store: string): number | undefined
  /** When the content was last written, ms since the epoch; undefined where it never was. */
  readonly writtenAtMs: number | undefined
  /** Bytes of changes that are only in memory. */
  readonly bufferedBytes: number
  /** Writes all changes and these changelog offsets, or nothing of them. */
  commit(offsets: ReadonlyMap<string, number>): void
  /** Forgets a store, on disk and in memory. */
  wipe(store: string): void
  /** Drops what was not committed and lets go of the disk. Idempotent. */
  close(): void
}
