/** What somebody looks for in a store: as the address has it, and as the service is asked for it. */
import { WireReader } from '../../lib/wire.ts'

/** Of the address; all of it text, as people wrote it. Times are UTC without a zone, as the fields of a form give them. */
export interface StoreSearch {
  readonly store?: string
  /** `key`, `keys`, `prefix`. */
  readonly find?: string
  readonly key?: string
  readonly from?: string
  readonly to?: string
  readonly since?: string
  readonly until?: string
  readonly order?: string
}

/** One way to look into a store of a kind, with the fields that it has. */
export interface Finding {
  readonly find: 'key' | 'keys' | 'prefix'
  readonly label: string
  readonly fields: readonly ('key' | 'from' | 'to' | 'since' | 'until' | 'order')[]
}

/** A read as the service takes it. */
export interface StoreRead {
  readonly store: string
  readonly read: string
  readonly parameters: Readonly<Record<string, string>>
}

export interface StoreRow {
  readonly key: string
  /** JSON, perhaps cut. */
  readonly value: string
  readonly isCut: boolean
  readonly sizeBytes: number
  readonly atMs: number | null
  readonly startMs: number | null
  readonly endMs: number | null
  readonly partition: number | null
}

export interface PartInstance {
  readonly processId: string
  readonly server: string | null
  readonly isThis: boolean
}

export interface StorePage {
  readonly rows: readonly StoreRow[]
  readonly after: string | null
  /** Who has the key that was asked for, whether there is such a key or not. */
  readonly key: {
    readonly partition: number | null
    readonly owner: PartInstance
    readonly copies: readonly PartInstance[]
  } | null
  readonly partitions: readonly {
    readonly partition: number | null
    readonly owner: PartInstance | null
    readonly lagRecords: number | null
  }[]
  readonly answeredAtMs: number
}

/** How a store may be looked into, by its kind; none where it cannot be. */
export function findingsOf(kind: string, keyForm: string | null): readonly Finding[] {
  if (keyForm === null) return []
  if (kind === 'window')
    return [
      {
        find: 'keys',
        label: 'windows of all keys',
        fields: ['from', 'to', 'since', 'until', 'order'],
      },
      { find: 'key', label: 'windows of one key', fields: ['key', 'since', 'until', 'order'] },
    ]
  if (kind === 'session')
    return [
      { find: 'keys', label: 'sessions that ended within', fields: ['since', 'until'] },
      { find: 'key', label: 'sessions of one key', fields: ['key', 'since', 'until', 'order'] },
    ]
  return [
    { find: 'keys', label: 'a range of keys', fields: ['from', 'to', 'order'] },
    { find: 'key', label: 'one key', fields: ['key'] },
    // The bytes of other keys are not those of what people write.
    ...(keyForm === 'text'
      ? [{ find: 'prefix', label: 'keys that begin with', fields: ['key'] } as const]
      : []),
  ]
}

/** What an address asks for; null where it asks for nothing that the store has. */
export function storeReadOf(
  search: StoreSearch,
  kind: string,
  keyForm: string | null,
): StoreRead | null {
  const finding = findingsOf(kind, keyForm).find(({ find }) => find === search.find)
  if (finding === undefined || search.store === undefined) return null
  const needsKey = finding.fields.includes('key')
  if (needsKey && search.key === undefined) return null
  const { read, names } = wireNames(kind, finding.find)
  const parameters: Record<string, string> = {}
  for (const field of finding.fields) {
    const text = search[field]
    if (text === undefined) continue
    const isTime = field === 'since' || field === 'until'
    const value = isTime ? utcMs(text) : text
    if (value !== null) parameters[names[field] ?? field] = String(value)
  }
  return { store: search.store, read, parameters }
}

/** What the service calls a read, and those of its parameters that it calls otherwise. */
function wireNames(
  kind: string,
  find: Finding['find'],
): { readonly read: string; readonly names: Readonly<Record<string, string>> } {
  if (kind === 'window')
    return {
      read: find === 'key' ? 'windows-of-key' : 'windows',
      names: { since: 'fromMs', until: 'toMs' },
    }
  if (kind === 'session')
    return find === 'key'
      ? { read: 'sessions-of-key', names: { since: 'earliestEndMs', until: 'latestStartMs' } }
      : { read: 'ended-sessions', names: { since: 'earliestEndMs', until: 'latestEndMs' } }
  if (find === 'prefix') return { read: 'prefix', names: { key: 'prefix' } }
  return { read: find === 'key' ? 'get' : 'range', names: {} }
}

/** Of `2026-01-31T12:00`, with seconds or without; null where it is no time. */
export function utcMs(text: string): number | null {
  const ms = Date.parse(`${text}Z`)
  return Number.isNaN(ms) ? null : ms
}

export function toStorePage(body: unknown): StorePage {
  const wire = new WireReader(body, 'store')
  const key = wire.objectOrNull('key')
  return {
    rows: wire.list('rows', readRow),
    after: wire.textOrNull('after'),
    key: key && {
      partition: key.numberOrNull('partition'),
      owner: readInstance(key.objectOrNull('owner')) ?? unknownInstance,
      copies: key.list('copies', (each) => readInstance(each) ?? unknownInstance),
    },
    partitions: wire.list('partitions', (each) => ({
      partition: each.numberOrNull('partition'),
      owner: readInstance(each.objectOrNull('owner')),
      lagRecords: each.numberOrNull('lagRecords'),
    })),
    answeredAtMs: wire.time('answeredAt'),
  }
}

/** Input records that were not in any of the partitions yet; null where that of one is not known. */
export function lagOfPages(pages: readonly StorePage[]): number | null {
  const lags = new Map<number | null, number | null>()
  for (const { partitions } of pages)
    for (const { partition, lagRecords } of partitions) lags.set(partition, lagRecords)
  let sum: number | null = lags.size === 0 ? null : 0
  for (const lag of lags.values()) sum = sum === null || lag === null ? null : sum + lag
  return sum
}

/** JSON over several lines; what was cut stays as it is. */
export function prettyValue({ value, isCut }: Pick<StoreRow, 'value' | 'isCut'>): string {
  if (isCut) return `${value}…`
  try {
    return JSON.stringify(JSON.parse(value), null, 2)
  } catch {
    return value
  }
}

const unknownInstance: PartInstance = { processId: 'unknown', server: null, isThis: false }

function readInstance(wire: WireReader | null): PartInstance | null {
  return (
    wire && {
      processId: wire.text('processId'),
      server: wire.textOrNull('applicationServer'),
      isThis: wire.flag('isThis'),
    }
  )
}

function readRow(wire: WireReader): StoreRow {
  return {
    key: wire.text('key'),
    value: wire.text('value'),
    isCut: wire.flag('isCut'),
    sizeBytes: wire.number('sizeBytes'),
    atMs: wire.timeOrNull('timestamp'),
    startMs: wire.numberOrNull('startMs'),
    endMs: wire.numberOrNull('endMs'),
    partition: wire.numberOrNull('partition'),
  }
}
