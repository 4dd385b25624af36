import { backoffMs, isAbortError, toError, type Clock, type Logger } from '@millrace/core'
import {
  ordersTopic,
  paymentOrdersTopic,
  recovererDlqTopic,
  stockOrdersTopic,
} from '@millrace/contracts'
import { ensureTopicsOnceReachable } from '@millrace/kafka'
import {
  startQueryServer,
  StreamsApp,
  StreamsError,
  type OtherAnswer,
  type OtherRequest,
  type QueryServer,
  type RestoreProgress,
  type StreamsState,
  type Topology,
  type UncaughtDecision,
} from '@millrace/streams'
import type { OrderSagaConfig } from './config.ts'
import { recordsLeftOut } from './failure-policy.ts'
import { Pausing } from './pausing.ts'
import { SagaMetrics } from './saga-metrics.ts'
import type { TallyingMeter } from './tallying-meter.ts'
import { BrokerClock } from './topology/broker-clock.ts'
import { applicationId, sagaTopology } from './topology/saga-topology.ts'

export interface SagaAppOptions {
  readonly config: OrderSagaConfig
  readonly logger: Logger
  readonly meter: TallyingMeter
  readonly clock: Clock
  /** Answers what other instances ask of this service, at the address of its stores. */
  readonly answerPeer: (request: OtherRequest) => Promise<OtherAnswer | undefined>
}

/** One stream app with what goes with it. */
interface Run {
  readonly app: StreamsApp
  readonly queryServer: QueryServer
  /** Resolves when the app has come to state ERROR or NOT_RUNNING. */
  readonly ended: Promise<void>
}

const pauses = { baseMs: 200, maxMs: 10_000 }

/**
 * Keeps the stream app of the saga running: waits for the broker, makes the topics, starts the app, and starts another one where it ends by an error.
 * Only another process under this one's name ends it for good, for two would put each other out for ever.
 *
 * Owner of the run: `#keepRunning` alone makes and ends it; the others only read it.
 */
export class SagaApp {
  readonly topology: Topology
  readonly metrics: SagaMetrics
  /** Progress of each store that is or was restored, by topic and partition. */
  readonly restores = new Map<string, RestoreProgress>()
  readonly pausing: Pausing
  readonly #options: SagaAppOptions
  readonly #closing = new AbortController()
  #run: Run | undefined
  #running: Promise<void> | undefined
  #fencedBy: string | undefined

  constructor(options: SagaAppOptions) {
    const { config, clock, logger, meter } = options
    this.#options = options
    this.metrics = new SagaMetrics(meter)
    const brokerClock = new BrokerClock(() => clock.monotonicMs())
    this.pausing = new Pausing({
      clock,
      logger,
      meter,
      apply: (isPaused) => {
        if (isPaused) this.app?.pause()
        else {
          brokerClock.forget()
          this.app?.resume()
        }
      },
    })
    this.topology = sagaTopology({
      times: { windowMs: config.joinWindowMs, timeoutMs: config.timeoutMs },
      graceMs: config.joinGraceMs,
      retentionMs: config.retentionMs,
      clock: brokerClock,
      metrics: this.metrics,
      logger,
    })
  }

  /** Returns at once. Idempotent. */
  start(): void {
    this.#running ??= this.#keepRunning()
  }

  /** Commits what is done and gives up the tasks. Idempotent. */
  async close(): Promise<void> {
    this.#closing.abort()
    await this.#running
  }

  /** Undefined as long as no broker has answered, and between two runs. */
  get app(): StreamsApp | undefined {
    return this.#run?.app
  }

  get state(): StreamsState | 'WAITING' {
    return this.#run?.app.state ?? 'WAITING'
  }

  /** True, or why orders are not decided just now. */
  get readiness(): true | string {
    if (this.#fencedBy !== undefined) return this.#fencedBy
    const { state } = this
    return state === 'RUNNING' || `the stream app is ${state}: orders wait on their topics`
  }

  async #keepRunning(): Promise<void> {
    const { signal } = this.#closing
    for (let attempt = 1; !signal.aborted && this.#fencedBy === undefined; attempt++) {
      const startedMs = this.#options.clock.monotonicMs()
      try {
        await this.#runOnce()
      } catch (error) {
        if (!signal.aborted) this.#warnOf(toError(error), attempt)
      }
      // Where it ran for a while, what ended it was not what ended the one before.
      if (this.#options.clock.monotonicMs() - startedMs > 60_000) attempt = 1
      if (!signal.aborted) await this.#pause(attempt)
    }
  }

  async #runOnce(): Promise<void> {
    const { config, logger, clock } = this.#options
    const { signal } = this.#closing
    const kafka = { brokers: config.kafkaBrokers, clientId: applicationId }
    const topics = [ordersTopic, paymentOrdersTopic, stockOrdersTopic, recovererDlqTopic]
    if (!(await ensureTopicsOnceReachable({ kafka, topics, signal, logger, clock }))) return
    this.restores.clear()
    const run = await this.#open()
    this.#run = run
    if (this.pausing.isPaused) run.app.pause()
    const aborted = new Promise<void>((resolve) => {
      if (signal.aborted) resolve()
      else signal.addEventListener('abort', () => resolve(), { once: true })
    })
    try {
      await run.app.start()
      await Promise.race([run.ended, aborted])
    } finally {
      await run.app.close()
      await run.queryServer.close()
      this.#run = undefined
    }
    if (run.app.failure) throw run.app.failure
  }

  async #open(): Promise<Run> {
    const { config, logger, meter, clock, answerPeer } = this.#options
    const ended = Promise.withResolvers<void>()
    const { threads, commitIntervalMs, cacheMaxBytes, standbyReplicas } = config
    const { sessionTimeoutMs, transactionTimeoutMs } = config
    const app = new StreamsApp({
      applicationId,
      brokers: config.kafkaBrokers,
      topology: this.topology,
      guarantee: 'exactly_once_v2',
      threads,
      commitIntervalMs,
      cacheMaxBytes,
      sessionTimeoutMs,
      transactionTimeoutMs,
      standbyReplicas,
      ...(config.stateDir === null ? {} : { stateDir: config.stateDir }),
      logger,
      meter,
      clock,
      ...recordsLeftOut({ metrics: this.metrics, logger, maxRetries: config.maxRetries }),
      onRestore: (progress) =>
        void this.restores.set(`${progress.topic}/${progress.partition}`, progress),
      onState: (state) => {
        if (state === 'ERROR' || state === 'NOT_RUNNING') ended.resolve()
      },
      onUncaughtError: (error) => this.#decideAbout(error),
    })
    const { queryHost: host, queryPort: port } = config
    const queryServer = await startQueryServer({ app, host, port, otherwise: answerPeer })
    return { app, queryServer, ended: ended.promise }
  }

  /** A thread begins anew from the last commit, so that what failed is tried again. */
  #decideAbout(error: Error): UncaughtDecision {
    if (error instanceof StreamsError && error.code === 'MR_STREAMS_INSTANCE_FENCED') {
      this.#fencedBy = error.message
      this.#options.logger.error('The saga ends: another process has its place', { error })
      return 'SHUTDOWN_CLIENT'
    }
    return 'REPLACE_THREAD'
  }

  #warnOf(error: Error, attempt: number): void {
    this.#options.logger.warn('The stream app of the saga is started again', { error, attempt })
  }

  async #pause(attempt: number): Promise<void> {
    try {
      await this.#options.clock.sleep(backoffMs(attempt, pauses), this.#closing.signal)
    } catch (error) {
      if (!isAbortError(error)) throw error
    }
  }
}
