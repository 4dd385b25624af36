/** One store's part of a task's environment. */
export interface LmdbStore {
  readonly hasChanges: boolean
  /** About what the changes cost in memory. */
  readonly bufferedBytes: number
  /** Writes the changes; inside the environment's transaction. They count until `written`. */
  write(): void
  /** The transaction is on disk. */
  written(): void
  /** Forgets the changes. */
  drop(): void
  /** Forgets everything; inside the environment's transaction. */
  clear(): void
}
