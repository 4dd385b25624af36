import { randomInt, systemClock, type Random } from '@millrace/core'
import { createProducer, KafkaError, type KafkaOptions } from '@millrace/kafka'
import type { ProducedHistory, SentGroup } from './produced-history.ts'

export interface WriterContext {
  readonly options: KafkaOptions
  readonly topic: string
  readonly partitions: number
  readonly history: ProducedHistory
  readonly random: Random
  readonly signal: AbortSignal
}

/** Values for a few partitions, each telling who wrote it and in which order. */
export class ValueSource {
  readonly #writer: string
  readonly #context: WriterContext
  #count = 0

  constructor(writer: string, context: WriterContext) {
    this.#writer = writer
    this.#context = context
  }

  next(isTransaction: boolean): SentGroup {
    const { random, partitions, history } = this.#context
    const values = new Map<number, string[]>()
    const count = 1 + randomInt(random, 6)
    for (let index = 0; index < count; index++) {
      const partition = randomInt(random, partitions)
      const value = `${this.#writer}/${this.#count++}/${'x'.repeat(randomInt(random, 400))}`
      values.set(partition, [...(values.get(partition) ?? []), value])
    }
    return history.begin(this.#writer, isTransaction, values)
  }
}

export function recordsOf(group: SentGroup, topic: string) {
  return [...group.values].flatMap(([partition, values]) =>
    values.map((value) => ({ topic, partition, key: null, value })),
  )
}

/** An idempotent producer with several sends under way. What is not acknowledged within the delivery time-out is unknown. */
export async function writeIdempotently(name: string, context: WriterContext): Promise<void> {
  const { options, topic, signal } = context
  await using producer = await createProducer({ ...options, deliveryTimeoutMs: 60_000 })
  const source = new ValueSource(name, context)
  const running = new Set<Promise<void>>()
  while (!signal.aborted) {
    const group = source.next(false)
    const sending = producer
      .send(recordsOf(group, topic))
      .then(
        () => void (group.outcome = 'acknowledged'),
        (error: unknown) => {
          group.outcome = 'unknown'
          if (!(error instanceof KafkaError)) throw error
        },
      )
      .finally(() => running.delete(sending))
    running.add(sending)
    if (running.size >= 5) await Promise.race(running)
    await systemClock.sleep(1)
  }
  await Promise.all(running)
}
