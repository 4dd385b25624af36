import { faults } from '@millrace/core'
import {
  createAdmin,
  createTransactionalProducer,
  type ProducerOptions,
  type TransactionalProducer,
} from '@millrace/kafka'
import { findPlaces } from './find-places.ts'
import type { LanePublisher } from './lane-publisher.ts'
import type { OutboxMetrics } from './metrics.ts'
import { isRefusal, type KeyFormatOf, type Places } from './send-chunk.ts'
import { columnsOf, sendColumns } from './send-columns.ts'
import type { PendingEvent } from './sql/read-set.ts'

/** A relay that stops in the middle of a transaction holds readers up until another takes over, or for this long. */
const transactionTimeoutMs = 30_000

/**
 * One Kafka transaction per batch. In it goes a marker: the batch's number, as the offset that a group named like the transactional id
 * commits on partition 0 of one of the topics. So a number that can be read has its batch on the topics, and one that cannot has not.
 *
 * There is one way to deal with any error: the producer is given up, and the next `takeOver` learns from the marker what has happened.
 */
export class ExactlyOncePublisher implements LanePublisher {
  readonly #options: ProducerOptions
  readonly #transactionalId: string
  readonly #metrics: OutboxMetrics
  readonly #keyFormatOf: KeyFormatOf
  #producer: TransactionalProducer | undefined
  /** The last batch on the topics. */
  #marker = 0n
  /** Of the batch that was sent last, committed or not. */
  #last: { readonly batchNo: bigint; readonly places: Places } | undefined

  constructor(
    options: ProducerOptions,
    {
      transactionalId,
      metrics,
      keyFormatOf,
    }: {
      readonly transactionalId: string
      readonly metrics: OutboxMetrics
      readonly keyFormatOf: KeyFormatOf
    },
  ) {
    this.#options = options
    this.#metrics = metrics
    this.#transactionalId = transactionalId
    this.#keyFormatOf = keyFormatOf
  }

  /**
   * The order matters. `init` ends what earlier producers left open and fences them. Only then is the lane asked for: had another leader
   * taken it before, it would be us who fence the rightful one, and we must not send. Only then is the marker read: nobody else can
   * move it any more.
   */
  async takeOver(confirm: () => Promise<unknown>): Promise<bigint> {
    if (this.#producer) return this.#marker
    await faults.at('outbox.relay.beforeTakeOver')
    const producer = await createTransactionalProducer({
      ...this.#options,
      transactionalId: this.#transactionalId,
      transactionTimeoutMs,
    })
    try {
      await producer.init()
      await confirm()
      this.#marker = await this.#readMarker()
    } catch (error) {
      await producer.close()
      throw error
    }
    this.#producer = producer
    return this.#marker
  }

  async publish(events: readonly PendingEvent[], batchNo: bigint): Promise<Places> {
    const [first] = events
    if (!first) return { partitions: [], offsets: [] }
    if (batchNo <= this.#marker)
      return this.#last?.batchNo === batchNo
        ? this.#last.places
        : findPlaces(this.#options, events, this.#keyFormatOf)
    const producer = this.#producer
    if (!producer) throw new TypeError('takeOver comes before publish')
    try {
      // Encoded while the brokers finish the transaction before: this one cannot begin earlier.
      const columns = columnsOf(events, this.#keyFormatOf)
      await producer.begin()
      // Before the events, and awaited: Apache Kafka refuses the one of two requests that begin a transaction at the same moment, and lets
      // events wait 20 ms while it finishes the batch before, where this may be asked again at once.
      await producer.sendOffsets([{ topic: first.topic, partition: 0, offset: batchNo }], {
        groupId: this.#transactionalId,
      })
      const sending = sendColumns(producer, columns)
      sending.catch(() => {}) // Awaited below; a fault point lies between.
      await faults.at('outbox.relay.duringPublish')
      const places = await sending
      this.#last = { batchNo, places }
      await faults.at('outbox.relay.beforeCommit')
      await producer.commit()
      this.#marker = batchNo
      this.#metrics.transaction(true)
      return places
    } catch (error) {
      await this.#giveUp(producer, isRefusal(error))
      throw error
    }
  }

  async close(): Promise<void> {
    await this.#producer?.close()
    this.#producer = undefined
  }

  async #giveUp(producer: TransactionalProducer, isAbortable: boolean): Promise<void> {
    this.#producer = undefined
    this.#metrics.transaction(false)
    if (isAbortable) {
      try {
        await producer.abort()
        this.#producer = producer
        return
      } catch {
        // The next one to begin under this transactional id aborts it.
      }
    }
    await producer.close()
  }

  async #readMarker(): Promise<bigint> {
    await using admin = await createAdmin(this.#options)
    const offsets = await admin.groupOffsets(this.#transactionalId)
    return offsets.reduce((max, { offset }) => (offset !== null && offset > max ? offset : max), 0n)
  }
}
