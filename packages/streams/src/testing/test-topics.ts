import type { Headers } from '../record.ts'
import type { Serde } from '../serde.ts'
import type { PipedRecord, WrittenRecord } from './topology-test-driver.ts'

export interface TopicSerdes<K, V> {
  readonly key: Serde<K>
  readonly value: Serde<V>
}

/** A record of an output topic, read. */
export interface ReadRecord<K, V> {
  readonly key: K | null
  readonly value: V | null
  readonly timestamp: number
  readonly headers: Headers
  /** Undefined where the driver has one partition and the record did not name it. */
  readonly partition: number | undefined
}

/** An input topic of a test driver, with types. */
export class TestInput<K, V> {
  readonly #serdes: TopicSerdes<K, V>
  readonly #pipe: (record: PipedRecord) => void

  constructor(serdes: TopicSerdes<K, V>, pipe: (record: PipedRecord) => void) {
    this.#serdes = serdes
    this.#pipe = pipe
  }

  /** @param options.timestamp ms; default: the driver's wall clock */
  pipe(
    key: K | null,
    value: V | null,
    options: { readonly timestamp?: number; readonly headers?: Headers } = {},
  ): void {
    this.#pipe({
      ...options,
      key: key === null ? null : this.#serdes.key.serialize(key),
      value: value === null ? null : this.#serdes.value.serialize(value),
    })
  }
}

/** An output topic of a test driver, with types: a repartition or changelog topic as well. */
export class TestOutput<K, V> {
  readonly #serdes: TopicSerdes<K, V>
  readonly #take: () => readonly WrittenRecord[]

  constructor(serdes: TopicSerdes<K, V>, take: () => readonly WrittenRecord[]) {
    this.#serdes = serdes
    this.#take = take
  }

  /** What was written since the last call, in order. */
  read(): ReadRecord<K, V>[] {
    const { key: keySerde, value: valueSerde } = this.#serdes
    return this.#take().map(({ key, value, timestamp, headers, partition }) => ({
      key: key === null ? null : keySerde.deserialize(key),
      value: value === null ? null : valueSerde.deserialize(value),
      timestamp,
      headers,
      partition,
    }))
  }

  /** As `read`, keys and values only. */
  readPairs(): (readonly [K | null, V | null])[] {
    return this.read().map(({ key, value }) => [key, value] as const)
  }

  /** The last value of each key since the last call, as a table has it; deleted keys are left out. */
  readTable(): Map<K | null, V> {
    const table = new Map<K | null, V>()
    for (const { key, value } of this.read())
      if (value === null) table.delete(key)
      else table.set(key, value)
    return table
  }
}
