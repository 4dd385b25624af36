import { sentenceOf, StreamsError } from '../errors.ts'
import type { RawRecord, RecordContext } from '../record.ts'
import { rangeReader, readsAnything, type RangeReader, type Serde } from '../serde.ts'
import type { SourceNode } from '../topology/topology.ts'
import type { TaskErrors } from './task-errors.ts'

/** Reads the records of one topic for a task: their keys and values from bytes, and the timestamp they count with. */
export class SourceReader {
  /** Largest timestamp so far, -1 before the first: what an extractor may fall back on. */
  partitionTime = -1
  /** Of the record that was read last. */
  key: unknown = null
  value: unknown = null
  timestamp = -1
  readonly #source: SourceNode
  readonly #readKey: RangeReader<unknown> | undefined
  readonly #readValue: RangeReader<unknown> | undefined
  readonly #errors: TaskErrors
  readonly #countDropped: (count: number) => void

  /** @param isRead false: nobody asks of a value more than whether it is null */
  constructor(
    source: SourceNode,
    errors: TaskErrors,
    countDropped: (count: number) => void,
    isRead = true,
  ) {
    this.#source = source
    this.#readKey = rangeReader(source.key)
    // Bytes that its serde would refuse are an error also where nobody looks at them.
    const mayPass = !isRead && !source.timestampExtractor && readsAnything(source.value)
    this.#readValue = mayPass ? unread : rangeReader(source.value)
    this.#errors = errors
    this.#countDropped = countDropped
  }

  /**
   * Fills `key`, `value` and `timestamp`; false where the record is left out.
   * @param underWay what a handler of errors is told
   * @throws StreamsError `MR_STREAMS_BAD_TIMESTAMP`; StoppedByError where a handler decided to stop
   */
  read(record: RawRecord, underWay: { readonly context: RecordContext }): boolean {
    if (!this.#decode(record, underWay)) return false
    const { timestampExtractor } = this.#source
    const timestamp = timestampExtractor ? this.#extracted(record) : record.timestamp
    if (!Number.isSafeInteger(timestamp))
      throw this.#badTimestamp(record, `the timestamp is ${timestamp}, not a whole number of ms`)
    if (timestamp < 0) {
      if (!timestampExtractor)
        throw this.#badTimestamp(record, `the timestamp is ${timestamp}, which is negative`)
      this.#countDropped(1)
      return false
    }
    this.timestamp = timestamp
    if (timestamp > this.partitionTime) this.partitionTime = timestamp
    return true
  }

  get hasExtractor(): boolean {
    return this.#source.timestampExtractor !== undefined
  }

  /** What `read` would find, without an effect; the record's own timestamp where that fails. */
  timestampOf(record: RawRecord): number {
    const { timestampExtractor, key, value } = this.#source
    if (!timestampExtractor) return record.timestamp
    try {
      const keyObject = record.key === null ? null : key.deserialize(record.key)
      const valueObject = record.value === null ? null : value.deserialize(record.value)
      return timestampExtractor({ ...partsOf(record), keyObject, valueObject }, this.partitionTime)
    } catch {
      // Told, and dealt with, when the record's turn has come.
      return record.timestamp
    }
  }

  #decode(record: RawRecord, underWay: { readonly context: RecordContext }): boolean {
    const source = this.#source
    let part: 'key' | 'value' = 'key'
    try {
      this.key =
        record.readKey && this.#readKey
          ? record.readKey(this.#readKey)
          : read(record.key, source.key)
      part = 'value'
      this.value =
        record.readValue && this.#readValue
          ? record.readValue(this.#readValue)
          : read(record.value, source.value)
      return true
    } catch (error) {
      const { topic, partition, offset } = record
      const failure = new StreamsError(
        'MR_STREAMS_UNDECODABLE',
        `The ${part} of ${topic}/${partition} at offset ${offset} is not what "${source.name}" expects: ${sentenceOf(error)} Correct its serde, or leave such records out with onDeserializationError.`,
        { node: source.name, topic, partition, offset, part },
        { cause: error },
      )
      this.#errors.undecodable(failure, underWay.context)
      return false
    }
  }

  #extracted(record: RawRecord): number {
    try {
      const whole = { ...partsOf(record), keyObject: this.key, valueObject: this.value }
      return this.#source.timestampExtractor?.(whole, this.partitionTime) ?? Number.NaN
    } catch (error) {
      throw this.#badTimestamp(record, `its timestampExtractor threw: ${String(error)}`, error)
    }
  }

  #badTimestamp(record: RawRecord, what: string, cause?: unknown): StreamsError {
    const { topic, partition, offset } = record
    return new StreamsError(
      'MR_STREAMS_BAD_TIMESTAMP',
      `${topic}/${partition} at offset ${offset}: ${what}. Give "${this.#source.name}" a timestampExtractor that says what to use; a negative one leaves the record out.`,
      { node: this.#source.name, topic, partition, offset },
      cause === undefined ? undefined : { cause },
    )
  }
}

/** Stands for a value that nobody looks at. */
const unread: RangeReader<unknown> = () => ''

function read(bytes: Buffer | null, serde: Serde<unknown>): unknown {
  return bytes === null ? null : serde.deserialize(bytes)
}

/** To be kept, and an object of its own: an extractor is the user's. */
function partsOf({ topic, partition, offset, timestamp, key, value, headers }: RawRecord) {
  return { topic, partition, offset, timestamp, key, value, headers }
}
