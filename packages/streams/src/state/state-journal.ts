/**
 * State that lives in memory and is kept on disk as a journal: rows as its changelog has them, by span of time. At a task's commit the rows
 * that changed since the last one are appended, many to a block; a span that has been written over and over is written anew as it is; one
 * that has passed is dropped, block by block. A restart reads the journal instead of the changelog.
 *
 * Why not a row of LMDB for each: windows change with nearly every record, and are deleted all at once. 100,000 changes took 300 to 600 ms
 * as rows and take 35 to 100 ms as blocks, and a span goes at the cost of its blocks.
 */

/** @param value null: the key is gone; text stands for its UTF-8 */
export type AppendRow = (
  span: number,
  key: Buffer,
  value: Buffer | string | null,
  timestamp: number,
) => void

/** Where a store's rows are kept. Owner: the store. */
export interface StateJournal {
  /** A time that outlives a restart with the rows, ms; -1 at first. */
  timeMs: number
  /** A number of the store's, likewise; 0 at first. */
  sequence: number
  /** Shows all rows on disk, those of one span in the order they were appended. Before the first change only. */
  read(visit: (key: Buffer, value: Buffer | null, timestamp: number) => void): void
  /** On disk with the next commit. */
  append: AppendRow
  /** Drops the rows of earlier spans with the next commit. */
  dropBefore(span: number): void
}

/** The store that a journal is kept for. */
export interface JournalOwner {
  /** About what the changes cost in memory that wait for `appendChanges`, bytes. */
  readonly changedBytes: number
  /** Appends what changed since the last time; called when the task commits. */
  appendChanges(append: AppendRow): void
  /** Appends all that is there of a span; undefined where rows never change, and writing a span anew would gain nothing. */
  readonly appendSpan: ((span: number, append: AppendRow) => void) | undefined
  /** Forgets everything: the journal was wiped. */
  clear(): void
}
