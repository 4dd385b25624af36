/**
 * What is asked of one store in one task, in bytes, so that it can be asked from another thread or instance. Keys and values are those of
 * the store's serdes, times are ms. Answers come in pages; nothing is kept between two pages where the store is.
 */

/**
 * Rows of key-value stores are read by `get`, `range` and `prefix`; of window stores by `window…`; of session stores by `…session…`; all
 * of them tell about how many there are.
 */
export type StoreRead =
  | { readonly kind: 'count' }
  | { readonly kind: 'get'; readonly key: Buffer }
  | {
      readonly kind: 'range'
      readonly from: Buffer | null
      readonly to: Buffer | null
      readonly isReverse: boolean
    }
  | { readonly kind: 'prefix'; readonly prefix: Buffer }
  | { readonly kind: 'window'; readonly key: Buffer; readonly startMs: number }
  | {
      readonly kind: 'windowsOfKey'
      readonly key: Buffer
      readonly fromMs: number
      readonly toMs: number
      readonly isReverse: boolean
    }
  | {
      readonly kind: 'windows'
      readonly from: Buffer | null
      readonly to: Buffer | null
      readonly fromMs: number
      readonly toMs: number
      readonly isReverse: boolean
    }
  | {
      readonly kind: 'session'
      readonly key: Buffer
      readonly startMs: number
      readonly endMs: number
    }
  | {
      readonly kind: 'sessionsOfKey'
      readonly key: Buffer
      readonly earliestEndMs: number
      readonly latestStartMs: number
      readonly isReverse: boolean
    }
  | {
      readonly kind: 'endedSessions'
      readonly earliestEndMs: number
      readonly latestEndMs: number
    }

export type StoreReadKind = StoreRead['kind']

/** Where a row stands in the order of its read. Times are 0 where rows have none. */
export interface RowPlace {
  readonly key: Buffer
  readonly startMs: number
  readonly endMs: number
}

export interface StoreRow extends RowPlace {
  readonly value: Buffer
  /** Of the record that made the value, ms; -1 where the store keeps none. */
  readonly timestamp: number
}

/** A record's place in a topic; a read with such a bound answers once it has taken effect. */
export interface PositionBound {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
}

/** How far the input had been processed when a page was read: the last offset, -1 before the first. */
export interface StorePosition extends PositionBound {
  /** Records of that partition which were still to be processed, as far as the last fetch told; undefined where it has not. */
  readonly lagRecords?: number | undefined
}

/**
 * `uncommitted` sees every change at once, as Java's queries do; what it saw may be undone after a crash. `committed` sees what the last
 * commit left: a page waits for the next commit if something has changed since.
 */
export type ReadIsolation = 'uncommitted' | 'committed'

/** One page of one store in one task. */
export interface PageRequest {
  readonly store: string
  /** Undefined: of a global store. */
  readonly partition: number | undefined
  readonly read: StoreRead
  /** The row after which the page begins. */
  readonly after: RowPlace | undefined
  /** Rows, 1 to `maxPageRows`. */
  readonly limit: number
  readonly isolation: ReadIsolation
  readonly bounds: readonly PositionBound[]
  /** How far a standby that answers may be behind, records; undefined: only the active task answers. */
  readonly maxLagRecords: number | undefined
  /** How long the page may wait for its position or commit, ms. */
  readonly timeoutMs: number
}

export interface Page {
  readonly rows: readonly StoreRow[]
  /** About how many entries there are; 0 where that was not asked. */
  readonly entryCount: number
  /** There is nothing behind the last row. */
  readonly isLast: boolean
  readonly positions: readonly StorePosition[]
}

export const maxPageRows = 10_000
/** A page ends when its rows have as many bytes; it has one row at least. */
export const maxPageBytes = 1_048_576

/** How the rows of a read follow each other. */
export function compareRows(read: StoreRead, left: RowPlace, right: RowPlace): number {
  switch (read.kind) {
    case 'count':
    case 'get':
    case 'range':
    case 'prefix': {
      const order = Buffer.compare(left.key, right.key)
      return 'isReverse' in read && read.isReverse ? -order : order
    }
    case 'window':
    case 'windowsOfKey':
    case 'windows': {
      const order = left.startMs - right.startMs || Buffer.compare(left.key, right.key)
      return 'isReverse' in read && read.isReverse ? -order : order
    }
    case 'session':
    case 'endedSessions':
      return (
        left.endMs - right.endMs ||
        Buffer.compare(left.key, right.key) ||
        right.startMs - left.startMs
      )
    case 'sessionsOfKey': {
      const order = left.endMs - right.endMs || right.startMs - left.startMs
      return read.isReverse ? -order : order
    }
  }
}
