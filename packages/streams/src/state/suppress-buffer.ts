import { StreamsError } from '../errors.ts'
import type { Change, Headers, RecordContext } from '../record.ts'
import type { Serde } from '../serde.ts'
import {
  bufferedSize,
  decodeBuffered,
  encodeBuffered,
  type BufferedValue,
} from './buffered-value.ts'
import { unsetTimestamp, type StateStore, type StoreBuilder, type StoreContext } from './store.ts'
import { TimeOrderedQueue } from './time-ordered-queue.ts'

export interface SuppressBufferOptions<K, V> {
  readonly name: string
  readonly key: Serde<K>
  readonly value: Serde<V>
  readonly isLogged: boolean
  readonly topicConfig: Readonly<Record<string, string>>
}

/** Takes an update that leaves the buffer. */
export type Release<K, V> = (key: K, change: Change<V>, record: RecordContext) => void

interface Held {
  readonly timeMs: number
  /** The key's bytes as latin-1. */
  readonly id: string
  readonly key: Buffer
  value: BufferedValue
}

const versionHeaders: Headers = [{ key: 'v', value: Buffer.from([3]) }]

/** Updates held back, in memory; restored from a changelog that is written at each commit. */
export function suppressBuffer<K, V>(
  options: SuppressBufferOptions<K, V>,
): StoreBuilder<SuppressBuffer<K, V>> {
  return {
    name: options.name,
    isLogged: options.isLogged,
    topicConfig: options.topicConfig,
    kind: 'suppressBuffer',
    changelog: { policy: 'compact' },
    build: () => new SuppressBuffer(options),
  }
}

/**
 * The latest update of each key, in the order of their times; an update of a key that waits already keeps the place of the first.
 * @see Kafka Streams `InMemoryTimeOrderedKeyValueChangeBuffer` (trap 16)
 */
export class SuppressBuffer<K, V> implements StateStore {
  readonly name: string
  readonly isPersistent = false
  readonly #key: Serde<K>
  readonly #value: Serde<V>
  readonly #held = new Map<string, Held>()
  readonly #queue = new TimeOrderedQueue<Held>()
  /** Changed since the last commit. */
  readonly #dirty = new Map<string, Buffer>()
  #sizeBytes = 0
  #context: StoreContext | undefined

  constructor(options: SuppressBufferOptions<K, V>) {
    this.name = options.name
    this.#key = options.key
    this.#value = options.value
  }

  get recordCount(): number {
    return this.#held.size
  }

  get sizeBytes(): number {
    return this.#sizeBytes
  }

  /** Time of the update that leaves next; Infinity where there is none. */
  get firstTimeMs(): number {
    return this.#queue.peek()?.timeMs ?? Infinity
  }

  init(context: StoreContext): void {
    this.#context = context
  }

  /** @throws StreamsError `MR_STREAMS_UNDECODABLE` for a changelog older than version 3, which Kafka Streams 2.4 and later write */
  restore(key: Buffer, value: Buffer | null, _timestamp: number, headers: Headers): void {
    if (value === null) return this.#remove(key.toString('latin1'))
    const version = headers.findLast((header) => header.key === 'v')?.value
    if (version?.length !== 1 || version[0] !== 3)
      throw new StreamsError(
        'MR_STREAMS_UNDECODABLE',
        `The changelog of "${this.name}" has a record of version ${version?.[0] ?? 'none'}; only version 3 can be read. Start with an empty changelog.`,
        { store: this.name },
      )
    const { value: buffered, timeMs } = decodeBuffered(value)
    this.#hold(timeMs, key, buffered)
  }

  put(timeMs: number, key: K, change: Change<V>, record: RecordContext): void {
    const keyBytes = this.#key.serialize(key)
    const id = keyBytes.toString('latin1')
    const old = this.#bytes(change.oldValue)
    const before = this.#held.get(id)
    const prior = before ? before.value.prior : old
    this.#hold(timeMs, keyBytes, { prior, old, new: this.#bytes(change.newValue), record })
    this.#dirty.set(id, keyBytes)
  }

  /** Lets updates go, the earliest first, while `mayGo` says so. Each is out of the buffer once `release` has returned. */
  releaseWhile(mayGo: () => boolean, release: Release<K, V>): void {
    for (let first; (first = this.#queue.peek()) && mayGo();) {
      const { id, key, value } = first
      const change = { newValue: this.#read(value.new), oldValue: this.#read(value.old) }
      release(this.#key.deserialize(key), change, value.record)
      this.#remove(id)
      this.#dirty.set(id, key)
    }
  }

  /** What downstream was told last of a key that waits; undefined where the key does not wait. */
  priorValue(key: K): { readonly value: V | null } | undefined {
    const held = this.#held.get(this.#key.serialize(key).toString('latin1'))
    return held && { value: this.#read(held.value.prior) }
  }

  flush(): void {
    const log = this.#context?.logChange
    if (log)
      for (const [id, key] of this.#dirty) {
        const held = this.#held.get(id)
        if (held) log(key, encodeBuffered(held.value, held.timeMs), unsetTimestamp, versionHeaders)
        else log(key, null, unsetTimestamp, [])
      }
    this.#dirty.clear()
  }

  close(): void {
    this.#held.clear()
    this.#queue.clear()
    this.#dirty.clear()
    this.#sizeBytes = 0
  }

  #hold(timeMs: number, key: Buffer, value: BufferedValue): void {
    const id = key.toString('latin1')
    const before = this.#held.get(id)
    this.#sizeBytes += bufferedSize(key, value)
    if (before) {
      this.#sizeBytes -= bufferedSize(key, before.value)
      before.value = value
      return
    }
    const held: Held = { timeMs, id, key, value }
    this.#held.set(id, held)
    this.#queue.push(held)
  }

  #remove(id: string): void {
    const held = this.#held.get(id)
    if (!held) return
    this.#held.delete(id)
    this.#queue.remove(held)
    this.#sizeBytes -= bufferedSize(held.key, held.value)
  }

  #bytes(value: V | null): Buffer | null {
    return value === null ? null : this.#value.serialize(value)
  }

  #read(bytes: Buffer | null): V | null {
    return bytes === null ? null : this.#value.deserialize(bytes)
  }
}
