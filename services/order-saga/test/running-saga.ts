/** The saga as a service on a broker, whoever sends it orders and answers, and a reader of its verdicts. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  orderDecided,
  ordersTopic,
  paymentOrdersTopic,
  recovererDlqTopic,
  stockOrdersTopic,
  type Order,
} from '@millrace/contracts'
import { silentLogger, type Clock } from '@millrace/core'
import { eventually } from '@millrace/core/testing'
import type { EventEnvelope } from '@millrace/events'
import {
  createAdmin,
  createConsumer,
  createProducer,
  type Consumer,
  type ConsumerRecord,
  type Producer,
} from '@millrace/kafka'
import { startService, type RunningService } from '@millrace/runtime'
import { int64Serde } from '@millrace/streams'
import { orderSagaService } from '../src/service.ts'
import { orderRecordSerde } from '../src/topology/saga-records.ts'
import type { Side } from '../src/domain/verdict.ts'
import { answerEvent, cancelEvent, orderOf, placedEvent, type Answer } from './shop-events.ts'

/** A directory for the state of one instance, removed at the end. */
export async function stateDirectory(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'millrace-test-saga-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

export interface StartSagaOptions {
  readonly brokers: readonly string[]
  readonly stateDir: string
  readonly env?: Readonly<Record<string, string>>
  readonly clock?: Clock
}

export function startSaga({
  brokers,
  stateDir,
  env = {},
  clock,
}: StartSagaOptions): Promise<RunningService> {
  return startService(orderSagaService, {
    env: {
      PORT: '0',
      KAFKA_BROKERS: brokers.join(','),
      STREAM_STATE_DIR: stateDir,
      STREAM_COMMIT_INTERVAL: '50ms',
      // A slow machine may stop for long.
      STREAM_SESSION_TIMEOUT: '120s',
      STREAM_TRANSACTION_TIMEOUT: '60s',
      STREAM_QUERY_TIMEOUT: '10s',
      // Only where a test is about it may time end an order.
      SAGA_TIMEOUT: '1h',
      ...env,
    },
    logger: silentLogger,
    ...(clock ? { clock } : {}),
  })
}

/** The shop around the saga: it sends, and it reads all that is committed on `orders` and `recovererDLQ`. */
export class ShopTopics implements AsyncDisposable {
  readonly verdicts: { readonly id: bigint; readonly event: EventEnvelope<Order> }[] = []
  readonly deadLetters: ConsumerRecord[] = []
  readonly #producer: Producer
  readonly #consumer: Consumer
  readonly #reading: Promise<void>

  private constructor(producer: Producer, consumer: Consumer) {
    this.#producer = producer
    this.#consumer = consumer
    this.#reading = this.#read()
  }

  static async open(brokers: readonly string[]): Promise<ShopTopics> {
    const kafka = { brokers, clientId: 'shop' }
    await using admin = await createAdmin(kafka)
    await admin.ensureTopics([ordersTopic, paymentOrdersTopic, stockOrdersTopic, recovererDlqTopic])
    const consumer = await createConsumer({ ...kafka, maxWaitMs: 50 })
    consumer.assign(
      [ordersTopic, recovererDlqTopic].flatMap(({ name: topic, partitions }) =>
        Array.from({ length: partitions }, (_, partition) => ({
          topic,
          partition,
          offset: 'earliest' as const,
        })),
      ),
    )
    return new ShopTopics(await createProducer(kafka), consumer)
  }

  async send(topic: string, ...events: readonly EventEnvelope[]): Promise<void> {
    await this.#producer.send(
      events.map((event) => ({
        topic,
        key: int64Serde.serialize(BigInt(event.aggregateId)),
        value: JSON.stringify(event),
      })),
    )
  }

  async sendBytes(topic: string, key: Buffer | null, value: Buffer): Promise<void> {
    await this.#producer.send([{ topic, key, value, headers: [['x-origin', 'a test']] }])
  }

  async place(...ids: readonly number[]): Promise<readonly EventEnvelope<Order>[]> {
    const events = ids.map((id) => placedEvent(orderOf(id)))
    await this.send(ordersTopic.name, ...events)
    return events
  }

  async answer(placed: EventEnvelope<Order>, side: Side, status: Answer): Promise<void> {
    const topic = side === 'PAYMENT' ? paymentOrdersTopic : stockOrdersTopic
    await this.send(topic.name, answerEvent(placed, side, status))
  }

  async cancel(placed: EventEnvelope<Order>): Promise<void> {
    await this.send(ordersTopic.name, cancelEvent(placed))
  }

  /** Status and source of each verdict about an order. */
  outcomes(id: number): readonly string[] {
    return this.verdicts
      .filter((each) => each.id === BigInt(id))
      .map(({ event: { data } }) => [data.status, data.source].filter(Boolean).join(' '))
  }

  /** Waits until each of these orders has a verdict. */
  async decided(...ids: readonly number[]): Promise<void> {
    await eventually(
      `verdicts of ${ids.length} orders from ${ids[0]} on`,
      () => {
        const known = new Set(this.verdicts.map(({ id }) => id))
        return ids.every((id) => known.has(BigInt(id)))
      },
      { timeoutMs: 300_000 },
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#consumer.close()
    await this.#reading
    await this.#producer.close()
  }

  async #read(): Promise<void> {
    for await (const batch of this.#consumer)
      for (const record of batch.records)
        if (record.topic === recovererDlqTopic.name) this.deadLetters.push(copyOf(record))
        else this.#take(record)
  }

  #take({ key, value }: ConsumerRecord): void {
    if (key?.length !== 8 || value === null) return
    let event
    try {
      event = orderRecordSerde.deserialize(value)
    } catch {
      return // Poison of a test.
    }
    if (event.eventType !== orderDecided.eventType) return
    this.verdicts.push({ id: int64Serde.deserialize(key), event: event as EventEnvelope<Order> })
  }
}

/** What a batch gives are views of the answer that it came in. */
function copyOf({
  topic,
  partition,
  offset,
  timestampMs,
  key,
  value,
  headers,
}: ConsumerRecord): ConsumerRecord {
  return {
    topic,
    partition,
    offset,
    timestampMs,
    key: key && Buffer.from(key),
    value: value && Buffer.from(value),
    headers: headers.map(([name, bytes]) => [name, Buffer.from(bytes)] as const),
  }
}

export interface Answered<T> {
  readonly status: number
  readonly body: T
  readonly retryAfter: string | null
}

export function getJson<T>(service: RunningService, path: string): Promise<Answered<T>> {
  return ask(service, path, {})
}

/** @param user null: nobody */
export function postJson<T>(
  service: RunningService,
  path: string,
  body: unknown,
  user: string | null = 'ada',
): Promise<Answered<T>> {
  return ask(service, path, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(user === null ? {} : { 'x-user-id': user }),
    },
    body: JSON.stringify(body),
  })
}

async function ask<T>(
  service: RunningService,
  path: string,
  init: RequestInit,
): Promise<Answered<T>> {
  const response = await fetch(service.url + path, init)
  const body = (await response.json()) as T
  return { status: response.status, body, retryAfter: response.headers.get('retry-after') }
}
