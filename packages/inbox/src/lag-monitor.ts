import { isAbortError, type Clock, type Gauge, type Logger } from '@millrace/core'
import type { Admin, KafkaOptions, PartitionLag } from '@millrace/kafka'
import type { KafkaClient } from './types.ts'
import { withAdmin } from './with-admin.ts'

export interface LagMonitorOptions {
  readonly kafka: KafkaOptions
  readonly client: KafkaClient
  readonly groupId: string
  readonly topics: readonly string[]
  readonly intervalMs: number
  readonly gauge: Gauge
  readonly onMeasured: (partitions: readonly PartitionLag[]) => void
  readonly logger: Logger
  readonly clock: Clock
}

/** Asks every few seconds how far the group is behind. While the broker is away the last figure stays and its age grows. */
export class LagMonitor {
  readonly #options: LagMonitorOptions
  readonly #abort = new AbortController()
  #running: Promise<void> | undefined
  #lagRecords: number | null = null
  #partitions: readonly PartitionLag[] = []
  #measuredMs = 0

  constructor(options: LagMonitorOptions) {
    this.#options = options
  }

  get lagRecords(): number | null {
    return this.#lagRecords
  }

  get partitions(): readonly PartitionLag[] {
    return this.#partitions
  }

  /** ms since the figure was taken; null before the first. */
  get lagAgeMs(): number | null {
    if (this.#lagRecords === null) return null
    return Math.max(0, this.#options.clock.monotonicMs() - this.#measuredMs)
  }

  start(): void {
    this.#running ??= this.#run()
  }

  async close(): Promise<void> {
    this.#abort.abort()
    await this.#running
  }

  async #run(): Promise<void> {
    const { signal } = this.#abort
    while (!signal.aborted) {
      try {
        await this.#session(signal)
      } catch (error) {
        if (signal.aborted) return
        this.#options.logger.debug('Lag could not be measured', { error })
        await this.#pause(signal)
      }
    }
  }

  async #session(signal: AbortSignal): Promise<void> {
    const { client, kafka } = this.#options
    const options = { ...kafka, clientId: `${kafka.clientId}-lag` }
    await withAdmin(client, options, signal, async (admin) => {
      while (!signal.aborted) {
        await this.#measure(admin)
        await this.#pause(signal)
      }
    })
  }

  async #measure(admin: Admin): Promise<void> {
    const { groupId, topics, gauge, clock } = this.#options
    const lags = await admin.groupLag(groupId, topics)
    const perTopic = new Map(topics.map((topic) => [topic, 0]))
    for (const each of lags)
      perTopic.set(each.topic, (perTopic.get(each.topic) ?? 0) + each.lagRecords)
    let total = 0
    for (const [topic, lagRecords] of perTopic) {
      gauge.set(lagRecords, { topic, group: groupId })
      total += lagRecords
    }
    this.#lagRecords = total
    this.#partitions = lags
    this.#measuredMs = clock.monotonicMs()
    this.#options.onMeasured(lags)
  }

  async #pause(signal: AbortSignal): Promise<void> {
    try {
      await this.#options.clock.sleep(this.#options.intervalMs, signal)
    } catch (error) {
      if (!isAbortError(error)) throw error
    }
  }
}
