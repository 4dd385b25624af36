/**
 * Global stores of one stream thread: each topic whole, read to its end before the first task runs and followed from then on, without regard
 * to the time of tasks (trap 31). In memory; every start reads them from the beginning.
 */
import { toError, type Clock } from '@millrace/core'
import { createAdmin, createConsumer, type Consumer, type KafkaOptions } from '@millrace/kafka'
import { noHeaders } from '../../record.ts'
import { StreamsError } from '../../errors.ts'
import type { StateStore } from '../../state/store.ts'
import { StreamTask } from '../../task/stream-task.ts'
import type { RecordCollector } from '../../task/stream-task.ts'
import type { Topology } from '../../topology/topology.ts'
import { partitionName } from '../partition-name.ts'
import type { RuntimeSettings, ThreadSurroundings } from '../runtime-options.ts'

export interface GlobalTablesOptions extends ThreadSurroundings {
  readonly settings: RuntimeSettings
  readonly topology: Topology
  readonly countDropped: (count: number) => void
  /** Reading has ended by an error: what the stores hold grows old. */
  readonly onFailure: (error: Error) => void
}

/** How often positions are looked at: markers alone make no batch. */
const checkMs = 20

export class GlobalTables implements AsyncDisposable {
  readonly #task: StreamTask
  readonly #consumer: Consumer
  readonly #reading: Promise<void>
  readonly #onFailure: (error: Error) => void
  #failure: Error | undefined
  #isClosed = false

  /** Resolves once every store is at the end that its topic had. @throws StreamsError, KafkaError */
  static async open(
    options: GlobalTablesOptions,
    signal: AbortSignal,
  ): Promise<GlobalTables | undefined> {
    const nodes = options.topology.subtopologies
      .filter(({ isGlobal }) => isGlobal)
      .flatMap((group) => [...group.nodes])
    if (nodes.length === 0) return undefined
    const { kafka, settings, clock } = options
    const isolationLevel =
      settings.guarantee === 'exactly_once_v2' ? 'read_committed' : 'read_uncommitted'
    const consumer = await createConsumer({ ...kafka, isolationLevel, maxBatchRecords: 5_000 })
    const tables = new GlobalTables(options, new Set(nodes), consumer)
    try {
      await tables.#readToEnd(kafka, isolationLevel, clock, signal)
      return tables
    } catch (error) {
      await tables[Symbol.asyncDispose]()
      throw error
    }
  }

  private constructor(
    options: GlobalTablesOptions,
    nodes: ReadonlySet<string>,
    consumer: Consumer,
  ) {
    const { settings, topology, clock, errorHandling, countDropped } = options
    this.#consumer = consumer
    this.#onFailure = options.onFailure
    this.#task = new StreamTask({
      ...errorHandling,
      applicationId: settings.applicationId,
      taskId: 'global',
      partition: 0,
      topology,
      nodes,
      collector: noOutput,
      clock,
      countDropped,
    })
    this.#task.initStores()
    this.#task.initOperators()
    this.#reading = this.#read().catch((error: unknown) => this.#fail(toError(error)))
  }

  get stores(): ReadonlyMap<string, StateStore> {
    return this.#task.stores
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    await this.#consumer.close()
    await this.#reading
    this.#task.close()
  }

  async #readToEnd(
    kafka: KafkaOptions,
    isolationLevel: 'read_committed' | 'read_uncommitted',
    clock: Clock,
    signal: AbortSignal,
  ): Promise<void> {
    await using admin = await createAdmin(kafka)
    const counts = await admin.describeTopics(this.#task.topics)
    const partitions = [...counts].flatMap(([topic, count]) =>
      Array.from({ length: count }, (_, partition) => ({ topic, partition })),
    )
    const ends = await admin.listOffsets(partitions, 'latest', isolationLevel)
    this.#consumer.assign(partitions.map((row) => ({ ...row, offset: 'earliest' as const })))
    const open = new Map(ends.map((row) => [partitionName(row), row]))
    while (open.size > 0 && !signal.aborted) {
      if (this.#failure) throw this.#failure
      for (const [name, row] of open)
        if ((this.#consumer.position(row) ?? -1n) >= row.offset) open.delete(name)
      if (open.size > 0) await clock.sleep(checkMs)
    }
  }

  async #read(): Promise<void> {
    for await (const batch of this.#consumer)
      for (let index = 0; index < batch.length; index++) {
        const headers = batch.headers(index)
        this.#task.process({
          topic: batch.topic,
          partition: batch.partition,
          offset: batch.offset(index),
          timestamp: batch.timestampMs(index),
          key: batch.key(index),
          value: batch.value(index),
          headers:
            headers.length === 0 ? noHeaders : headers.map(([key, value]) => ({ key, value })),
        })
      }
  }

  #fail(error: Error): void {
    if (this.#isClosed) return
    this.#failure ??= error
    this.#onFailure(this.#failure)
  }
}

/** A global store has no changelog beside its topic, and what fills it forwards to nobody. */
const noOutput: RecordCollector = {
  send(topic) {
    throw new StreamsError(
      'MR_STREAMS_BAD_TOPOLOGY',
      `A global store writes to "${topic}". What fills a global store can write nowhere but to that store.`,
      { topic },
    )
  },
  partitionCount: () => 0,
}
