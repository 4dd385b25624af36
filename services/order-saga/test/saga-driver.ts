/** The saga's topology without a broker, and with a broker's clock that tests move. */
import {
  orderDecided,
  ordersTopic,
  paymentOrdersTopic,
  stockOrdersTopic,
  type Order,
} from '@millrace/contracts'
import { assert, noopMeter, silentLogger } from '@millrace/core'
import type { EventEnvelope } from '@millrace/events'
import { int64Serde, type Headers } from '@millrace/streams'
import { PartitionedTestDriver } from '@millrace/streams/testing'
import type { Side } from '../src/domain/verdict.ts'
import { recordsLeftOut } from '../src/failure-policy.ts'
import { SagaMetrics } from '../src/saga-metrics.ts'
import { BrokerClock } from '../src/topology/broker-clock.ts'
import { openOrdersStore } from '../src/topology/decider.ts'
import { orderRecordSerde } from '../src/topology/saga-records.ts'
import { sagaTopology } from '../src/topology/saga-topology.ts'
import { answerEvent, cancelEvent, orderOf, placedEvent, type Answer } from './shop-events.ts'

export const windowMs = 10_000
export const timeoutMs = 60_000

/** A verdict, as a reader of `orders` sees it. */
export interface SeenVerdict {
  readonly key: bigint
  readonly event: EventEnvelope<Order>
  readonly timestamp: number
  readonly headers: Headers
  readonly partition: number
}

export interface SagaDriverOptions {
  /** How much our wall clock is ahead of the broker's, ms. */
  readonly clockAheadMs?: number
  readonly retentionMs?: number
  readonly graceMs?: number
  readonly standbys?: boolean
}

/** The saga with three partitions, and a broker's clock of its own that tests move. */
export class SagaDriver implements Disposable {
  readonly driver: PartitionedTestDriver
  readonly metrics = new SagaMetrics(noopMeter)
  /** What the broker's clock says, ms. */
  brokerMs = Date.UTC(2026, 0, 5, 10)
  /** Fed back: what the saga writes to `orders` it reads as well. */
  readonly #verdicts: SeenVerdict[] = []
  readonly #clock: BrokerClock
  /** For so long the tasks did nothing, ms. */
  #pausedMs = 0

  constructor({
    clockAheadMs = 0,
    retentionMs = 86_400_000,
    graceMs = 0,
    standbys = false,
  }: SagaDriverOptions = {}) {
    const made: { driver?: PartitionedTestDriver } = {}
    this.#clock = new BrokerClock(() => (made.driver?.clock.monotonicMs() ?? 0) + this.#pausedMs)
    const topology = sagaTopology({
      times: { windowMs, timeoutMs },
      graceMs,
      retentionMs,
      clock: this.#clock,
      metrics: this.metrics,
      logger: silentLogger,
    })
    this.driver = made.driver = new PartitionedTestDriver(topology, {
      partitions: { default: 3 },
      nowMs: this.brokerMs + clockAheadMs,
      standbys,
      ...recordsLeftOut({ metrics: this.metrics, logger: silentLogger, maxRetries: 0 }),
    })
  }

  placed(id: number): EventEnvelope<Order> {
    const event = placedEvent(orderOf(id))
    this.send(ordersTopic.name, event)
    return event
  }

  answer(placed: EventEnvelope<Order>, side: Side, status: Answer): void {
    const topic = side === 'PAYMENT' ? paymentOrdersTopic : stockOrdersTopic
    this.send(topic.name, answerEvent(placed, side, status))
  }

  cancel(placed: EventEnvelope<Order>): void {
    this.send(ordersTopic.name, cancelEvent(placed))
  }

  send(topic: string, event: EventEnvelope, headers: Headers = []): void {
    this.driver.pipe(topic, {
      key: int64Serde.serialize(BigInt(event.aggregateId)),
      value: Buffer.from(JSON.stringify(event)),
      timestamp: this.brokerMs,
      headers,
    })
    this.#collect()
  }

  /** Both clocks go on; no record comes. */
  async wait(ms: number): Promise<void> {
    this.brokerMs += ms
    await this.driver.advance(ms)
    this.#collect()
  }

  /** Both clocks go on while the tasks do nothing, and are resumed then as the service resumes them. */
  pause(ms: number): void {
    this.stall(ms)
    this.#clock.forget()
  }

  /** Both clocks go on while the tasks do nothing. */
  stall(ms: number): void {
    this.brokerMs += ms
    this.#pausedMs += ms
  }

  /** The partition of an open order. */
  partitionOf(id: number): number {
    const found = Array.from(
      { length: this.driver.partitionCount(ordersTopic.name) },
      (_, at) => at,
    )
      .filter((at) => this.driver.keyValueStore(openOrdersStore, at).get(BigInt(id)) !== undefined)
      .at(0)
    assert(found !== undefined, `Order ${id} is not open`)
    return found
  }

  /** Verdicts so far, of one order or of all. */
  verdicts(id?: number): readonly SeenVerdict[] {
    this.#collect()
    return this.#verdicts.filter(({ key }) => id === undefined || key === BigInt(id))
  }

  /** Status, source and what decided it, of each verdict about an order. */
  outcomes(id: number): readonly string[] {
    return this.verdicts(id).map(({ event: { data, metadata } }) =>
      [data.status, data.source, metadata['decidedBy']].filter(Boolean).join(' '),
    )
  }

  [Symbol.dispose](): void {
    this.driver.close()
  }

  #collect(): void {
    for (const { key, value, timestamp, headers, partition } of this.driver.take(
      ordersTopic.name,
    )) {
      const event = orderRecordSerde.deserialize(value as Buffer) as EventEnvelope<Order>
      if (event.eventType !== orderDecided.eventType) continue
      const of = int64Serde.deserialize(key as Buffer)
      this.#verdicts.push({ key: of, event, timestamp, headers, partition })
    }
  }
}
