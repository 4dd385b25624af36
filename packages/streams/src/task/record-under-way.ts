import type { Forward } from '../operator.ts'
import {
  noHeaders,
  type Headers,
  type RawRecord,
  type RecordContext,
  type RecordSource,
} from '../record.ts'
import { recordOf } from '../state/record-source.ts'

/** Inside a punctuator, or before the first record. */
export const noRecord: RecordContext = {
  topic: undefined,
  partition: -1,
  offset: -1,
  timestamp: -1,
  headers: noHeaders,
  rawKey: null,
  rawValue: null,
}

/**
 * The record under way in a task. It becomes an object only once somebody looks at it, which most topologies never do. Owner: the task; a
 * raw record is not looked at any more once the next one has begun.
 */
export class RecordUnderWay {
  #raw: RawRecord | undefined
  /** In place of the raw record: one that was noted when something that it made was held back. */
  #source: Readonly<RecordSource> | undefined
  #timestamp = -1
  #headers: Headers = noHeaders
  #context: RecordContext | undefined = noRecord

  begin(raw: RawRecord, headers: Headers): void {
    this.#raw = raw
    this.#timestamp = raw.timestamp
    this.#headers = headers
    this.#context = undefined
  }

  /** It counts with another timestamp than it came with. */
  setTimestamp(timestamp: number): void {
    if (timestamp === this.#timestamp) return
    this.#timestamp = timestamp
    this.#context = undefined
  }

  /** Copies what `context` has but the bytes, without making an object. */
  note(into: RecordSource): void {
    const record = this.#context ?? this.#source ?? (this.#raw as RawRecord)
    into.topic = record.topic
    into.partition = record.partition
    into.offset = record.offset
    const made = this.#context
    into.recordTimestamp = made?.timestamp ?? this.#source?.recordTimestamp ?? this.#timestamp
    into.headers = made?.headers ?? this.#source?.headers ?? this.#headers
  }

  /** Forwards as if a record that was noted were under way. */
  forwardAs(
    source: Readonly<RecordSource>,
    forward: Forward,
    key: unknown,
    value: unknown,
    timestamp: number,
    headers: Headers,
  ): void {
    const sourceBefore = this.#source
    const contextBefore = this.#context
    this.#source = source
    this.#context = undefined
    try {
      forward(key, value, timestamp, headers)
    } finally {
      this.#source = sourceBefore
      this.#context = contextBefore
    }
  }

  get context(): RecordContext {
    return (this.#context ??= this.#made())
  }

  set context(context: RecordContext) {
    this.#context = context
  }

  #made(): RecordContext {
    if (this.#source) return recordOf(this.#source)
    const { topic, partition, offset, key, value } = this.#raw as RawRecord
    const [timestamp, headers] = [this.#timestamp, this.#headers]
    return { topic, partition, offset, timestamp, headers, rawKey: key, rawValue: value }
  }
}
