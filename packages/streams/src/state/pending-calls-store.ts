import type { Headers, RecordContext } from '../record.ts'
import type { Serde } from '../serde.ts'
import { decodeBuffered, encodeBuffered } from './buffered-value.ts'
import { unsetTimestamp, type StateStore, type StoreBuilder, type StoreContext } from './store.ts'

/** A record whose asynchronous call has not ended. */
export interface PendingCall<K, V> {
  /** Grows with each record of the store; never used twice while the first has a row in the changelog. */
  readonly sequence: number
  /** The key's bytes as latin-1; undefined without a key. */
  readonly keyId: string | undefined
  readonly key: K
  readonly value: V
  readonly record: RecordContext
}

export interface PendingCallsStoreOptions<K, V> {
  readonly name: string
  readonly key: Serde<K>
  readonly value: Serde<V>
  readonly isLogged: boolean
  readonly topicConfig: Readonly<Record<string, string>>
}

/** Records that an asynchronous step has taken and not given on, in memory; restored from a changelog that is written at each commit. */
export function pendingCallsStore<K, V>(
  options: PendingCallsStoreOptions<K, V>,
): StoreBuilder<PendingCallsStore<K, V>> {
  return {
    name: options.name,
    isLogged: options.isLogged,
    topicConfig: options.topicConfig,
    kind: 'pendingCalls',
    changelog: { policy: 'compact' },
    build: () => new PendingCallsStore(options),
  }
}

interface Row {
  readonly keyBytes: Buffer | null
  readonly valueBytes: Buffer | null
  readonly record: RecordContext
}

const rawKeyHeader = 'rawKey'
const rawValueHeader = 'rawValue'

/**
 * What a step has begun is part of the task's state, so that offsets need not wait for it (decision 0008). Only what is still pending at a
 * commit reaches the changelog: a call that begins and ends between two commits costs nothing there.
 *
 * The changelog's key is the int64 sequence. Its value has the form of the suppress buffer's: the record's place, headers and time, then
 * its key where that has the prior value, and its value where that has the new one. The source's bytes, which dead letters need, are headers.
 */
export class PendingCallsStore<K, V> implements StateStore {
  readonly name: string
  readonly isPersistent = false
  readonly #key: Serde<K>
  readonly #value: Serde<V>
  readonly #rows = new Map<number, Row>()
  /** Pending, and not in the changelog. */
  readonly #unlogged = new Set<number>()
  /** Ended since the last commit, and still in the changelog. */
  #ended: number[] = []
  /** Ended before it, where that is not the same: see `flush`. */
  #endedBefore: number[] = []
  #nextSequence = 0
  #context: StoreContext | undefined

  constructor(options: PendingCallsStoreOptions<K, V>) {
    this.name = options.name
    this.#key = options.key
    this.#value = options.value
  }

  get size(): number {
    return this.#rows.size
  }

  init(context: StoreContext): void {
    this.#context = context
  }

  restore(key: Buffer, value: Buffer | null, _timestamp: number, headers: Headers): void {
    const sequence = Number(key.readBigInt64BE())
    this.#nextSequence = Math.max(this.#nextSequence, sequence + 1)
    if (value === null) return void this.#rows.delete(sequence)
    const { prior, new: valueBytes, record } = decodeBuffered(value).value
    const rawOf = (name: string): Buffer | null =>
      headers.findLast((header) => header.key === name)?.value ?? null
    this.#rows.set(sequence, {
      keyBytes: prior,
      valueBytes,
      record: { ...record, rawKey: rawOf(rawKeyHeader), rawValue: rawOf(rawValueHeader) },
    })
  }

  /** Its bytes are made here: a function may change what it is given. */
  add(key: K, value: V, record: RecordContext): PendingCall<K, V> {
    const keyBytes = isAbsent(key) ? null : this.#key.serialize(key)
    const valueBytes = isAbsent(value) ? null : this.#value.serialize(value)
    const sequence = this.#nextSequence++
    this.#rows.set(sequence, { keyBytes, valueBytes, record })
    this.#unlogged.add(sequence)
    return { sequence, keyId: keyBytes?.toString('latin1'), key, value, record }
  }

  remove(sequence: number): void {
    this.#rows.delete(sequence)
    if (!this.#unlogged.delete(sequence)) this.#ended.push(sequence)
  }

  /** In the order in which they came. */
  *pending(): Generator<PendingCall<K, V>> {
    for (const [sequence, { keyBytes, valueBytes, record }] of [...this.#rows].toSorted(
      ([left], [right]) => left - right,
    ))
      yield {
        sequence,
        keyId: keyBytes?.toString('latin1'),
        key: keyBytes === null ? (null as K) : this.#key.deserialize(keyBytes),
        value: valueBytes === null ? (null as V) : this.#value.deserialize(valueBytes),
        record,
      }
  }

  /**
   * Where a crash may keep some of what was written since the last commit and lose the rest, a row goes one commit after its results: what
   * they are written to has them by then. A crash in between repeats the call.
   */
  flush(): void {
    const log = this.#context?.logChange
    const removed = this.#context?.isAtomic === false ? this.#endedBefore : this.#ended
    if (this.#context?.isAtomic === false) this.#endedBefore = this.#ended
    this.#ended = []
    if (log) {
      for (const sequence of removed) log(sequenceKey(sequence), null, unsetTimestamp, [])
      for (const sequence of this.#unlogged) this.#log(sequence, log)
    }
    this.#unlogged.clear()
  }

  close(): void {
    this.#rows.clear()
    this.#unlogged.clear()
  }

  #log(sequence: number, log: NonNullable<StoreContext['logChange']>): void {
    const { keyBytes, valueBytes, record } = this.#rows.get(sequence) as Row
    const value = encodeBuffered(
      { prior: keyBytes, old: null, new: valueBytes, record },
      record.timestamp,
    )
    const headers = [
      { key: rawKeyHeader, value: record.rawKey },
      { key: rawValueHeader, value: record.rawValue },
    ].filter((header) => header.value !== null)
    log(sequenceKey(sequence), value, unsetTimestamp, headers)
  }
}

function isAbsent(value: unknown): boolean {
  return value === null || value === undefined
}

function sequenceKey(sequence: number): Buffer {
  const bytes = Buffer.allocUnsafe(8)
  bytes.writeBigInt64BE(BigInt(sequence))
  return bytes
}
