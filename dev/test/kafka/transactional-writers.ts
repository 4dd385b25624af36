import assert from 'node:assert/strict'
import { randomInt, systemClock } from '@millrace/core'
import {
  createAdmin,
  createTransactionalProducer,
  KafkaError,
  type TransactionalProducer,
} from '@millrace/kafka'
import type { SentGroup } from './produced-history.ts'
import { recordsOf, ValueSource, type WriterContext } from './writers.ts'

/**
 * Writes transactions over several partitions, and with each the number of the transaction as the offset of a group: records and offset
 * must stand or fall together. Every fourth one is aborted on purpose.
 */
export class TransactionalWriter {
  readonly name: string
  readonly #context: WriterContext
  readonly #source: ValueSource
  #producer: TransactionalProducer | undefined
  #count = 0
  /** Number of the last transaction that was committed for certain. */
  #committed = 0
  /** Numbers of later ones that may have been. */
  #unknown: number[] = []

  constructor(name: string, context: WriterContext) {
    this.name = name
    this.#context = context
    this.#source = new ValueSource(name, context)
  }

  async run(): Promise<void> {
    while (!this.#context.signal.aborted) await this.#writeOne()
    await this.#producer?.close()
  }

  /** The group's offset is the number of the last transaction that took effect. */
  async checkOffset(): Promise<void> {
    const { options, topic } = this.#context
    await using admin = await createAdmin(options)
    const rows = await admin.groupLag(this.#groupId, [topic])
    const offset = Number(rows.find(({ partition }) => partition === 0)?.committedOffset ?? 0n)
    const may = [this.#committed, ...this.#unknown]
    assert.ok(
      may.includes(offset),
      `${this.name}: offset ${offset}, and it should be ${may.join(' or ')}`,
    )
  }

  get #groupId(): string {
    return `offsets-of-${this.name}`
  }

  async #writeOne(): Promise<void> {
    const { options, topic, random } = this.#context
    const producer = (this.#producer ??= await createTransactionalProducer({
      ...options,
      transactionalId: this.name,
      deliveryTimeoutMs: 60_000,
    }))
    if (!(await this.#begin(producer))) return
    const number = ++this.#count
    const group = this.#source.next(true)
    try {
      const offset = { topic, partition: 0, offset: BigInt(number) }
      for (const record of recordsOf(group, topic)) void producer.send([record]).catch(() => {})
      void producer.sendOffsets([offset], { groupId: this.#groupId }).catch(() => {})
      if (randomInt(random, 4) === 0) await systemClock.sleep(randomInt(random, 100))
      if (randomInt(random, 4) === 0) await this.#abort(producer, group)
      else await this.#commit(producer, group, number)
    } catch (error) {
      await this.#giveUp(producer, group, number, error)
    }
  }

  async #begin(producer: TransactionalProducer): Promise<boolean> {
    try {
      await producer.begin()
      return true
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error
      if (!error.retryable) await this.#renew(producer)
      return false
    }
  }

  async #commit(producer: TransactionalProducer, group: SentGroup, number: number): Promise<void> {
    for (;;) {
      try {
        await producer.commit()
        break
      } catch (error) {
        if (!(error instanceof KafkaError) || error.code !== 'MR_KAFKA_COMMIT_UNKNOWN') throw error
      }
    }
    group.outcome = 'acknowledged'
    this.#committed = number
    this.#unknown = []
  }

  /** Nothing of it was ever asked to be committed, so it is aborted, whether now or by whoever takes the transactional id over. */
  async #abort(producer: TransactionalProducer, group: SentGroup): Promise<void> {
    group.outcome = 'aborted'
    await producer.abort()
  }

  async #giveUp(
    producer: TransactionalProducer,
    group: SentGroup,
    number: number,
    error: unknown,
  ): Promise<void> {
    if (!(error instanceof KafkaError)) throw error
    const isCertain =
      group.outcome === 'aborted' ||
      error.code === 'MR_KAFKA_TRANSACTION_FAILED' ||
      error.details['outcome'] === 'not committed'
    group.outcome = isCertain ? 'aborted' : 'unknown'
    if (!isCertain) this.#unknown.push(number)
    if (error.code === 'MR_KAFKA_TRANSACTION_FAILED') {
      try {
        return await producer.abort()
      } catch (fault) {
        if (!(fault instanceof KafkaError)) throw fault
      }
    }
    await this.#renew(producer)
  }

  async #renew(producer: TransactionalProducer): Promise<void> {
    this.#producer = undefined
    await producer.close()
  }
}
