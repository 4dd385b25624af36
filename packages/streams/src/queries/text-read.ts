/** Reads of stores as people ask them, by URLs and pages: keys in words, rows in pages of JSON, with who has what was read and how far behind it is. */
import type { StreamsApp } from '../runtime/streams-app.ts'
import type { Serde } from '../serde.ts'
import type { StreamPartitioner, Topology } from '../topology/topology.ts'
import type { AppQueries } from './app-queries.ts'
import type { InstanceMetadata } from './group-instances.ts'
import { keyFormOf, keyOfText, plainValue, textOfKey, type KeyForm } from './query-text.ts'
import { readUrl, textOfPlace } from './query-url.ts'
import type { Page, StoreRow } from './store-read.ts'
import { isQueryable } from './stored-rows.ts'

/** A store, as its topology has it. */
export interface DescribedStore {
  readonly name: string
  readonly kind: string
  /** How its keys are written in texts; undefined where it cannot be read from outside. */
  readonly keyForm: KeyForm | undefined
  /** Whether every instance has all of it. */
  readonly isGlobal: boolean
}

export interface TextRow {
  /** As a read takes it. */
  readonly keyText: string
  /** What JSON has for the key; integers beyond it are text, bytes base64. */
  readonly key: unknown
  readonly value: unknown
  /** Of the value, in the store. */
  readonly sizeBytes: number
  /** Of the record that made the value, ms; undefined where the store keeps none. */
  readonly timestamp: number | undefined
  /** Of windows and sessions, ms; the end of the latter alone. */
  readonly startMs: number | undefined
  readonly endMs: number | undefined
  /** Undefined: of a global store. */
  readonly partition: number | undefined
}

/** An instance that has something. */
export interface TextInstance {
  readonly processId: string
  /** `host:port` of its query server; undefined where it has none. */
  readonly applicationServer: string | undefined
  /** Whether it is the one that was asked. */
  readonly isThis: boolean
}

/** A partition that answered. */
export interface ReadPartition {
  /** Undefined: of a global store. */
  readonly partition: number | undefined
  /** Who runs it, as the group last told; undefined: nobody, or all of them. */
  readonly owner: TextInstance | undefined
  /** Input records that were not in it yet; undefined where that is not known. */
  readonly lagRecords: number | undefined
}

export interface TextAnswer {
  readonly rows: readonly TextRow[]
  /** To be given as `after` for the rows behind these; null where there are none. */
  readonly after: string | null
  /** By number. Partitions that were asked for nothing, as the page was full, are left out. */
  readonly partitions: readonly ReadPartition[]
}

export interface TextRead {
  readonly store: string
  /** `get`, `range`, `prefix`, `window`, `windows`, `windows-of-key`, `session`, `sessions-of-key`, `ended-sessions`. */
  readonly read: string
  /** As in URLs of the query server: `key`, `from`, `to`, `limit`, `after`, `order`, `fromMs` … */
  readonly parameters: URLSearchParams
  /** Where keys are, if neither by the hash of their bytes nor by the partitioner of the repartition step before the store. */
  readonly partitioner?: StreamPartitioner<never, never> | undefined
}

/** Who has a key that is written as text. */
export interface TextKey {
  readonly partition: number | undefined
  readonly owner: TextInstance
  /** Those that keep a copy. */
  readonly copies: readonly TextInstance[]
}

/** All stores of a topology, which has not to run for that. */
export function describeStores({ stores, globalStores }: Topology): readonly DescribedStore[] {
  return [...stores, ...globalStores].map(([name, builder]) => ({
    name,
    kind: builder.kind,
    keyForm: builder.serdes && isQueryable(builder) ? keyFormOf(builder.serdes.key) : undefined,
    isGlobal: globalStores.has(name),
  }))
}

/**
 * One page of a read, of all instances unless its `scope` says otherwise.
 * @throws StreamsError what `StreamsApp.store` and its reads throw
 */
export function readAsText(app: StreamsApp, asked: TextRead): Promise<TextAnswer> {
  return readText(app.queries, asked)
}

/**
 * Who has a key, whether there is such a key or not.
 * @throws StreamsError `MR_STREAMS_UNKNOWN_STORE`, `MR_STREAMS_STORE_NOT_READY`, `MR_STREAMS_BAD_QUERY`
 */
export function locateText(
  app: StreamsApp,
  { store, partitioner }: Pick<TextRead, 'store' | 'partitioner'>,
  keyText: string,
): TextKey {
  const { queries } = app
  const { key } = serdesOf(queries, store)
  const bytes = keyOfText(key, keyText, 'key')
  const found = queries.metadataForKey(store, key.deserialize(bytes), {
    ...(partitioner && { partitioner: partitioner as StreamPartitioner<unknown, never> }),
  })
  return {
    partition: found.partition,
    owner: instanceOf(queries, found.active),
    copies: found.standbys.map((each) => instanceOf(queries, each)),
  }
}

/** @internal */
export async function readText(
  queries: AppQueries,
  { store, read: name, parameters, partitioner }: TextRead,
): Promise<TextAnswer> {
  const serdes = serdesOf(queries, store)
  const { kind } = queries.places.builder(store)
  const { read, keyBytes, options, scope, after, limit } = readUrl(name, parameters, serdes.key)
  const seen = new SeenPages()
  const reader = queries.reader(store, {
    ...serdes,
    scope,
    partitioner: partitioner as StreamPartitioner<unknown, never> | undefined,
    onPage: (partition, page) => seen.note(partition, page),
  })
  const found = keyBytes
    ? reader.ofKey(serdes.key.deserialize(keyBytes), read, options, after)
    : reader.ofAll(read, options, after)
  const rows: TextRow[] = []
  let last: StoreRow | undefined
  let hasMore = false
  for await (const row of found) {
    if (rows.length === limit) {
      hasMore = true
      break
    }
    last = row
    const key = reader.keyOf(row)
    rows.push({
      keyText: textOfKey(serdes.key, key),
      key: plainValue(key),
      value: plainValue(reader.valueOf(row)),
      sizeBytes: row.value.length,
      timestamp: row.timestamp >= 0 ? row.timestamp : undefined,
      startMs: kind === 'window' || kind === 'session' ? row.startMs : undefined,
      endMs: kind === 'session' ? row.endMs : undefined,
      partition: seen.partitionOf(row),
    })
  }
  return {
    rows,
    after: hasMore && last ? textOfPlace(last) : null,
    partitions: seen.lags.map(({ partition, lagRecords }) => ({
      partition,
      owner: ownerOf(queries, store, partition),
      lagRecords,
    })),
  }
}

/** Which partition each row came from, and how far each was: of the last page that was read of it. */
class SeenPages {
  readonly #partitions = new Map<StoreRow, number | undefined>()
  readonly #lags = new Map<number | undefined, number | undefined>()

  note(partition: number | undefined, { rows, positions }: Page): void {
    for (const row of rows) this.#partitions.set(row, partition)
    let sum: number | undefined = positions.length === 0 ? undefined : 0
    for (const { lagRecords } of positions)
      sum = sum === undefined || lagRecords === undefined ? undefined : sum + lagRecords
    this.#lags.set(partition, sum)
  }

  partitionOf(row: StoreRow): number | undefined {
    return this.#partitions.get(row)
  }

  get lags(): readonly Pick<ReadPartition, 'partition' | 'lagRecords'>[] {
    return [...this.#lags]
      .map(([partition, lagRecords]) => ({ partition, lagRecords }))
      .toSorted((a, b) => (a.partition ?? -1) - (b.partition ?? -1))
  }
}

function ownerOf(
  queries: AppQueries,
  store: string,
  partition: number | undefined,
): TextInstance | undefined {
  const { instances, places } = queries
  const taskId = partition === undefined ? undefined : places.taskIdOf(store, partition)
  const owner = instances.find(
    ({ activeTasks }) => taskId !== undefined && activeTasks.includes(taskId),
  )
  return owner && instanceOf(queries, owner)
}

function instanceOf(
  { processId: own }: AppQueries,
  { processId, applicationServer }: InstanceMetadata,
): TextInstance {
  return { processId, applicationServer, isThis: processId === own }
}

/** Stores without serdes are none that can be asked for. */
function serdesOf(
  { places }: AppQueries,
  store: string,
): { readonly key: Serde<unknown>; readonly value: Serde<unknown> } {
  const { serdes } = places.builder(store)
  return serdes as NonNullable<typeof serdes>
}
