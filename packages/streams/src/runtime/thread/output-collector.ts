/**
 * Takes what tasks write and hands it to the producer in columns: a topic's once there are `fullColumn` records, and the rest with each
 * round. Order per partition is that of the calls.
 * Owner: the stream thread; nothing is sent between two commits that it does not know of.
 */
import { Wakeup } from '@millrace/core'
import type { EncodedHeaders, KafkaError, ProducerColumns, SentColumns } from '@millrace/kafka'
import { StreamsError } from '../../errors.ts'
import type { Headers } from '../../record.ts'
import { unsetTimestamp } from '../../state/store.ts'
import type { RecordCollector } from '../../task/stream-task.ts'
import type { WriteOrigin } from '../../task/write-origin.ts'
import { encodedHeaders } from './encoded-headers.ts'

export interface OutputCollectorOptions {
  readonly send: (columns: ProducerColumns) => Promise<SentColumns>
  /** Partition counts of the topics known by now. */
  readonly partitionCounts: () => ReadonlyMap<string, number>
  /** Topics of whose partitions the end is remembered: changelogs. */
  readonly tracked: ReadonlySet<string>
  /** ms since the epoch; for records whose timestamp says that any will do. */
  readonly nowMs: () => number
}

interface Column {
  readonly keys: (Buffer | string | null)[]
  readonly values: (Buffer | string | null)[]
  readonly timestampsMs: number[]
  /** Undefined where the keys decide. */
  readonly partitions: number[] | undefined
  /** Undefined until a record has some. */
  headers: EncodedHeaders[] | undefined
  /** Undefined until a record has one. */
  origins: (WriteOrigin | undefined)[] | undefined
  sizeBytes: number
}

/**
 * A flush of a cache writes tens of thousands of records in one go. Their bytes would all wait here, and outlive two collections of V8's
 * young generation; so few go into the producer's batches while they are young. Measured on a 10-second count: see docs/performance.md.
 */
const fullColumn = 1_024

const noHeadersEncoded = encodedHeaders([])

export class OutputCollector implements RecordCollector {
  readonly #options: OutputCollectorOptions
  readonly #columns = new Map<string, Column>()
  readonly #underWay = new Set<Promise<void>>()
  readonly #acknowledged = new Wakeup()
  /** Offset after the last record acknowledged, by `topic/partition`. */
  readonly #ends = new Map<string, number>()
  #failure: unknown
  #waitingBytes = 0
  #count = 0

  constructor(options: OutputCollectorOptions) {
    this.#options = options
  }

  /** Records since the last `flush`. */
  get count(): number {
    return this.#count
  }

  /** Keys and values that the brokers have not acknowledged; about, since text counts by its length. */
  get waitingBytes(): number {
    return this.#waitingBytes
  }

  send(
    topic: string,
    partition: number | undefined,
    key: Buffer | string | null,
    value: Buffer | string | null,
    timestamp: number,
    headers: Headers,
    origin?: WriteOrigin,
  ): void {
    let column = this.#columns.get(topic)
    // A topic whose partitioner decides for some records alone: what it left to the keys goes first, for order's sake.
    if (column && (column.partitions === undefined) !== (partition === undefined)) {
      this.#handOver(topic, column)
      column = undefined
    }
    if (!column) {
      column = {
        keys: [],
        values: [],
        timestampsMs: [],
        partitions: partition === undefined ? undefined : [],
        headers: undefined,
        origins: undefined,
        sizeBytes: 0,
      }
      this.#columns.set(topic, column)
    }
    if (headers.length > 0 && !column.headers)
      column.headers = column.keys.map(() => noHeadersEncoded)
    if (origin && !column.origins) column.origins = column.keys.map(() => undefined)
    column.origins?.push(origin)
    column.keys.push(key)
    column.values.push(value)
    column.timestampsMs.push(timestamp === unsetTimestamp ? this.#options.nowMs() : timestamp)
    column.partitions?.push(partition as number)
    column.headers?.push(encodedHeaders(headers))
    const sizeBytes = (key?.length ?? 0) + (value?.length ?? 0)
    column.sizeBytes += sizeBytes
    this.#waitingBytes += sizeBytes
    this.#count++
    if (column.values.length >= fullColumn) this.#handOver(topic, column)
  }

  partitionCount(topic: string): number {
    const count = this.#options.partitionCounts().get(topic)
    if (count !== undefined) return count
    throw new StreamsError(
      'MR_STREAMS_MISSING_TOPIC',
      `How many partitions "${topic}" has is not known: it did not exist when the application started, and a partitioner asks for it. Create the topic and start again.`,
      { topic },
    )
  }

  /** Gives everything gathered to the producer. */
  handOver(): void {
    for (const [topic, column] of this.#columns) this.#handOver(topic, column)
  }

  /** Hands over and waits until the brokers have all of it. @throws the first failure since the collector was made */
  async flush(): Promise<void> {
    // Dead letters of records that are refused come while others are waited for.
    do {
      this.handOver()
      await Promise.all(this.#underWay)
    } while (this.#underWay.size > 0 || this.#columns.size > 0)
    this.throwIfFailed()
    this.#count = 0
  }

  /** Waits until at most so many bytes are under way, or something failed. */
  async waitForRoom(maxBytes: number): Promise<void> {
    while (this.#waitingBytes > maxBytes && this.#failure === undefined)
      await this.#acknowledged.wait(1_000)
  }

  throwIfFailed(): void {
    if (this.#failure !== undefined) throw this.#failure
  }

  /** Offset behind what was last written to a partition of a tracked topic; undefined where nothing was. */
  endOf(topic: string, partition: number): number | undefined {
    return this.#ends.get(`${topic}/${partition}`)
  }

  #handOver(topic: string, column: Column): void {
    this.#columns.delete(topic)
    const { keys, values, timestampsMs, partitions, headers, origins, sizeBytes } = column
    const sending = this.#options
      .send({
        topic,
        keys,
        values,
        timestampsMs,
        ...(partitions && { partitions }),
        ...(headers && { encodedHeaders: headers }),
        ...(origins && {
          onRefused: (index, error) => this.#isLeftOut(topic, origins[index], error),
        }),
      })
      .then((sent) => this.#acknowledge(topic, sent))
      .catch((error: unknown) => {
        this.#failure ??= error
      })
      .finally(() => {
        this.#underWay.delete(sending)
        this.#waitingBytes -= sizeBytes
        this.#acknowledged.signal()
      })
    this.#underWay.add(sending)
  }

  #isLeftOut(topic: string, origin: WriteOrigin | undefined, error: KafkaError): boolean {
    // Of a store or a dead letter: without it state would differ from its changelog, or the error be lost.
    if (!origin || isFatal(error)) return false
    try {
      origin.refused(topic, error, error.retryable)
      return true
    } catch (error_) {
      this.#failure ??= error_
      return false
    }
  }

  #acknowledge(topic: string, { partitions, offsets }: SentColumns): void {
    if (!this.#options.tracked.has(topic)) return
    // Offsets of a call rise in each partition, and records of one partition mostly stand together.
    for (let index = partitions.length - 1, last = -1; index >= 0; index--) {
      const partition = partitions[index] as number
      if (partition === last) continue
      last = partition
      const name = `${topic}/${partition}`
      const end = (offsets[index] as number) + 1
      if (end > (this.#ends.get(name) ?? 0)) this.#ends.set(name, end)
    }
  }
}

/**
 * Faults of the application's place on the cluster rather than of a record: handlers are not asked about these, as in Java (trap 45,
 * `RecordCollectorImpl.isFatalException`).
 */
const fatalNames: ReadonlySet<unknown> = new Set([
  'CLUSTER_AUTHORIZATION_FAILED',
  'GROUP_AUTHORIZATION_FAILED',
  'INVALID_TOPIC_EXCEPTION',
  'SECURITY_DISABLED',
  'TOPIC_AUTHORIZATION_FAILED',
  'TRANSACTIONAL_ID_AUTHORIZATION_FAILED',
  'UNKNOWN_SERVER_ERROR',
])

function isFatal({ details }: KafkaError): boolean {
  return fatalNames.has(details['errorName'])
}
