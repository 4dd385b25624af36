import { systemClock } from '@millrace/core'
import { createProducer, type KafkaOptions, type Producer } from '@millrace/kafka'
import type { AppName, AppTopics } from './app-topology.ts'

/** What an app is given to do, and what must come of it. It keeps its own record of what it wrote, and computes from that alone. */
export interface AppLoad {
  readonly app: AppName
  readonly applicationId: string
  readonly topics: AppTopics
  /** A topic on whose every partition something comes while all tasks run. */
  readonly watchedTopic: string
  /** Key-value stores whose state on disk is compared with their changelogs. */
  readonly stores: readonly string[]
  /** Writes a tenth of a second's records. */
  write(producer: Producer): Promise<void>
  /** Called now and then while nothing is written; `settled` waits until the app has done all so far. */
  between?(producer: Producer, settled: () => Promise<void>): Promise<void>
  /** How many records of `watchedTopic` there must be for what was written. */
  readonly expectedCount: number
  /** @throws AssertionError where what the app has written is not exactly what it must be */
  assertExact(kafka: KafkaOptions): Promise<void>
}

/** Writes a load all the time, from one producer; acknowledged records alone are in the load's record. */
export class LoadWriter implements AsyncDisposable {
  readonly #producer: Producer
  readonly #load: AppLoad
  #writing: Promise<void> = Promise.resolve()
  #stopping = new AbortController()

  static async start(kafka: KafkaOptions, load: AppLoad): Promise<LoadWriter> {
    // Longer than any broker of these tests is away.
    const producer = await createProducer({ ...kafka, deliveryTimeoutMs: 120_000 })
    const writer = new LoadWriter(producer, load)
    writer.#go()
    return writer
  }

  private constructor(producer: Producer, load: AppLoad) {
    this.#producer = producer
    this.#load = load
  }

  /** Stops; what was under way is acknowledged then. */
  async pause(): Promise<void> {
    this.#stopping.abort()
    await this.#writing
  }

  /** Stops, lets the load do what it does in between, and goes on. */
  async between(settled: () => Promise<void>): Promise<void> {
    await this.pause()
    await this.#load.between?.(this.#producer, settled)
    this.#go()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.pause().catch(() => {}) // Told to whoever paused it.
    await this.#producer.close()
  }

  #go(): void {
    this.#stopping = new AbortController()
    const { signal } = this.#stopping
    this.#writing = (async () => {
      while (!signal.aborted) {
        await this.#load.write(this.#producer)
        await systemClock.sleep(100)
      }
    })()
    this.#writing.catch(() => {}) // Told to whoever pauses.
  }
}
