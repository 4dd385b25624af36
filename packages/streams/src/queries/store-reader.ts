/** One store as somebody reads it: requests with the store's options, tried again for as long as the reader waits. */
import { backoffMs, systemClock, type Clock } from '@millrace/core'
import { StreamsError } from '../errors.ts'
import type { Serde } from '../serde.ts'
import type { StreamPartitioner } from '../topology/topology.ts'
import type { PageSource } from './page-source.ts'
import type { StorePlaces } from './store-places.ts'
import {
  compareRows,
  type Page,
  type PositionBound,
  type ReadIsolation,
  type RowPlace,
  type StoreRead,
  type StoreRow,
} from './store-read.ts'

/** How a store is read; given with the store, or with one read, which then counts. */
export interface ReadOptions {
  /** How long a read waits for its store, position or commit before it fails, ms, 0 to 600,000; of each page. Default 5,000. */
  readonly timeoutMs?: number
  /** Default `uncommitted`, as in Java. */
  readonly isolation?: ReadIsolation
  /**
   * Read your own write: the read waits until this record, or these, have taken effect. Of a store's own input topics, a repartition topic
   * among them, as in KIP-796; bounds of partitions that are not read do not count.
   */
  readonly bound?: PositionBound | readonly PositionBound[]
  /** A standby that is at most so many records behind may answer, if the active task does not. Default: none may. */
  readonly maxLagRecords?: number
}

/** Of reads that give many rows. */
export interface WalkOptions extends ReadOptions {
  /** Partitions are merged, so that rows come in order over all of them; default: one partition after the other. */
  readonly isSorted?: boolean
  /** Rows of a page, 1 to 10,000; a merge holds one page of each partition. Default 1,000. */
  readonly pageRows?: number
}

export interface StoreReaderOptions<K, V> extends ReadOptions {
  readonly store: string
  readonly key: Serde<K>
  readonly value: Serde<V>
  readonly partitioner: StreamPartitioner<K, never> | undefined
  readonly source: PageSource
  /** @throws StreamsError `MR_STREAMS_STORE_NOT_READY` before the app has started, `MR_STREAMS_CLOSED` */
  readonly places: () => StorePlaces
  readonly clock?: Clock
  /** Told of each page before its rows are given out, which are the same objects. */
  readonly onPage?: ((partition: number | undefined, page: Page) => void) | undefined
}

const defaultTimeoutMs = 5_000
const defaultPageRows = 1_000
const pauses = { baseMs: 20, maxMs: 500 }

export class StoreReader<K, V> {
  readonly #options: StoreReaderOptions<K, V>
  readonly #clock: Clock

  constructor(options: StoreReaderOptions<K, V>) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
  }

  /** @throws StreamsError `MR_STREAMS_BAD_QUERY` where the serde does not take the key */
  keyBytes(key: K): Buffer {
    try {
      return this.#options.key.serialize(key)
    } catch (error) {
      throw new StreamsError(
        'MR_STREAMS_BAD_QUERY',
        `The key asked of the store "${this.#options.store}" has no bytes: ${String(error)}`,
        { store: this.#options.store },
        { cause: error },
      )
    }
  }

  boundBytes(key: K | undefined): Buffer | null {
    return key === undefined ? null : this.keyBytes(key)
  }

  keyOf(row: RowPlace): K {
    return this.#decoded(this.#options.key, row.key, 'key')
  }

  valueOf(row: StoreRow): V {
    return this.#decoded(this.#options.value, row.value, 'value')
  }

  /** The one row of a key, which one partition has. */
  async one(key: K, read: StoreRead, options: ReadOptions = {}): Promise<StoreRow | undefined> {
    const page = await this.#page(await this.#placeOf(key, options), read, undefined, 1, options)
    return page.rows[0]
  }

  /** Rows of one key, page by page. */
  async *ofKey(
    key: K,
    read: StoreRead,
    options: WalkOptions = {},
    after?: RowPlace,
  ): AsyncGenerator<StoreRow> {
    yield* this.#walk(await this.#placeOf(key, options), read, options, after)
  }

  /** Rows of all partitions, page by page. @param after of sorted rows */
  async *ofAll(
    read: StoreRead,
    options: WalkOptions = {},
    after?: RowPlace,
  ): AsyncGenerator<StoreRow> {
    const partitions = await this.#partitions(options)
    if (options.isSorted) return yield* this.#merged(partitions, read, options, after)
    for (const partition of partitions) yield* this.#walk(partition, read, options)
  }

  /** About how many entries all partitions have. */
  async entryCount(options: ReadOptions = {}): Promise<number> {
    const partitions = await this.#partitions(options)
    const pages = await Promise.all(
      partitions.map((each) => this.#page(each, { kind: 'count' }, undefined, 1, options)),
    )
    return pages.reduce((sum, { entryCount }) => sum + entryCount, 0)
  }

  async *#walk(
    partition: number | undefined,
    read: StoreRead,
    options: WalkOptions,
    after?: RowPlace,
  ): AsyncGenerator<StoreRow, void, undefined> {
    for (let last = after, isLast = false; !isLast;) {
      const limit = options.pageRows ?? defaultPageRows
      const page = await this.#page(partition, read, last, limit, options)
      yield* page.rows
      last = page.rows.at(-1) ?? last
      isLast = page.isLast
    }
  }

  /** Each partition is in order; the least of their heads is next. */
  async *#merged(
    partitions: readonly (number | undefined)[],
    read: StoreRead,
    options: WalkOptions,
    after: RowPlace | undefined,
  ): AsyncGenerator<StoreRow, void, undefined> {
    const walks = partitions.map((partition) => this.#walk(partition, read, options, after))
    const first = await Promise.all(walks.map((walk) => walk.next()))
    const heads = walks.flatMap((walk, index) => {
      const row = first[index]?.value
      return row ? [{ walk, row }] : []
    })
    while (heads.length > 0) {
      let least = heads[0] as (typeof heads)[number]
      for (const head of heads) if (compareRows(read, head.row, least.row) < 0) least = head
      yield least.row
      const next = await least.walk.next()
      if (next.done) heads.splice(heads.indexOf(least), 1)
      else least.row = next.value
    }
  }

  /** Waits where nothing is known yet, and tries again what may pass. */
  async #page(
    partition: number | undefined,
    read: StoreRead,
    after: RowPlace | undefined,
    limit: number,
    options: ReadOptions,
  ): Promise<Page> {
    const { store } = this.#options
    const merged = { ...this.#options, ...options }
    const { isolation = 'uncommitted', maxLagRecords } = merged
    const bounds = await this.#bounds(merged)
    const page = await this.#persistently(options, (timeoutMs) =>
      this.#options.source.page({
        store,
        partition,
        read,
        after,
        limit,
        isolation,
        bounds,
        maxLagRecords,
        timeoutMs,
      }),
    )
    this.#options.onPage?.(partition, page)
    return page
  }

  async #placeOf(key: K, options: ReadOptions): Promise<number | undefined> {
    const { store, partitioner } = this.#options
    const bytes = this.keyBytes(key)
    const places = await this.#places(options)
    return places.isGlobal(store) ? undefined : places.partitionOf(store, key, bytes, partitioner)
  }

  async #partitions(options: ReadOptions): Promise<readonly (number | undefined)[]> {
    const { store, source } = this.#options
    await this.#places(options)
    return this.#persistently(options, async () => source.partitions(store))
  }

  async #places(options: ReadOptions): Promise<StorePlaces> {
    const { store } = this.#options
    return this.#persistently(options, async () => {
      const places = this.#options.places()
      places.builder(store)
      return places
    })
  }

  async #bounds({ bound, ...options }: ReadOptions): Promise<readonly PositionBound[]> {
    if (bound === undefined) return []
    const bounds = 'topic' in bound ? [bound] : bound
    const topics = (await this.#places(options)).inputTopics(this.#options.store)
    for (const { topic } of bounds)
      if (!topics.includes(topic))
        throw new StreamsError(
          'MR_STREAMS_BAD_QUERY',
          `A read of the store "${this.#options.store}" is to wait for a record of ${topic}, which is none of its inputs: ${topics.join(', ')}. Wait for a record of one of these.`,
          { store: this.#options.store, topic, inputTopics: topics },
        )
    return bounds
  }

  async #persistently<T>(
    options: ReadOptions,
    attempt: (timeoutMs: number) => Promise<T>,
  ): Promise<T> {
    const timeoutMs = options.timeoutMs ?? this.#options.timeoutMs ?? defaultTimeoutMs
    const untilMs = this.#clock.monotonicMs() + timeoutMs
    for (let tries = 1; ; tries++) {
      const leftMs = Math.max(0, Math.ceil(untilMs - this.#clock.monotonicMs()))
      try {
        return await attempt(leftMs)
      } catch (error) {
        const pauseMs = backoffMs(tries, pauses)
        const isPassing =
          error instanceof StreamsError && this.#options.source.isPassing(error.code)
        if (!isPassing || this.#clock.monotonicMs() + pauseMs >= untilMs) throw error
        await this.#clock.sleep(pauseMs)
      }
    }
  }

  #decoded<T>(serde: Serde<T>, bytes: Buffer, part: 'key' | 'value'): T {
    try {
      return serde.deserialize(bytes)
    } catch (error) {
      throw new StreamsError(
        'MR_STREAMS_UNDECODABLE',
        `A ${part} of the store "${this.#options.store}" is none of the serde's that was given to read it: ${String(error)} Give the serde with which the topology writes it.`,
        { store: this.#options.store, part },
        { cause: error },
      )
    }
  }
}
