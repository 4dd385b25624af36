/**
 * Keeps the metadata of the topics a client writes or reads: one refresh at a time, at its own pace, until every topic asked for can
 * be used. Whoever needs a topic asks, and is told by `onRound` after each attempt.
 */
import { backoffMs } from '@millrace/core'
import { code, isPassing } from './broker-error.ts'
import type { Cluster } from './cluster.ts'
import { isForGood } from './errors.ts'
import { isWorthTelling } from './retrying.ts'

const maxAgeMs = 300_000
/** After as long without a round the next one need not wait. */
const quietMs = 2_000
const pauses = { baseMs: 20, maxMs: 1_000 }

export class LeaderMetadata {
  readonly #cluster: Cluster
  readonly #onRound: () => void
  readonly #close = new AbortController()
  /** Topics not to be used before a refresh has succeeded. */
  readonly #wanted = new Set<string>()
  readonly #refreshedAtMs = new Map<string, number>()
  #isRunning = false
  /** Since the last quiet time; the wait before each grows with it. */
  #rounds = 0
  #lastRoundMs = -Infinity
  #lastError: unknown

  constructor(cluster: Cluster, onRound: () => void) {
    this.#cluster = cluster
    this.#onRound = onRound
  }

  /** Why the last attempt failed, if it did. */
  get lastError(): unknown {
    return this.#lastError
  }

  /** Partitions of a usable topic; `undefined` while it is not known, which starts asking. */
  partitionCount(topic: string): number | undefined {
    if (this.#wanted.has(topic)) return undefined
    const known = this.#cluster.topic(topic)
    if (known?.errorCode === code.NONE && known.leaders.length > 0) {
      this.#refreshWhenOld(topic)
      return known.leaders.length
    }
    this.want(topic)
    return undefined
  }

  /** The code with which the brokers refuse the topic for good, such as INVALID_TOPIC_EXCEPTION. */
  refusedWith(topic: string): number | undefined {
    const known = this.#cluster.topic(topic)
    return known && isRefusal(known.errorCode) ? known.errorCode : undefined
  }

  /** The partition's leader; `undefined` while it is not known, which starts asking. */
  leaderOf(topic: string, partition: number): number | undefined {
    if (this.#wanted.has(topic)) return undefined
    const leader = this.#cluster.leaderOf(topic, partition)
    if (leader === undefined) this.want(topic)
    return leader
  }

  /** What is known of the topic may be wrong: do not use it before it was asked for again. */
  want(topic: string): void {
    if (this.#close.signal.aborted) return
    this.#wanted.add(topic)
    if (!this.#isRunning) void this.#run()
  }

  close(): void {
    this.#close.abort()
  }

  async #run(): Promise<void> {
    this.#isRunning = true
    while (this.#wanted.size > 0 && !this.#close.signal.aborted) {
      await this.#restBetweenRounds()
      if (this.#close.signal.aborted) break
      await this.#round([...this.#wanted])
      this.#lastRoundMs = this.#cluster.clock.monotonicMs()
      this.#onRound()
    }
    this.#isRunning = false
  }

  /** Also where each round answers: what it answers may be of no use, and is asked for again at once. */
  async #restBetweenRounds(): Promise<void> {
    const { clock } = this.#cluster
    if (clock.monotonicMs() - this.#lastRoundMs > quietMs) this.#rounds = 0
    if (this.#rounds++ === 0) return
    const ms = backoffMs(this.#rounds - 1, pauses)
    await clock.sleep(ms, this.#close.signal).catch(() => {}) // Closed: the loop's condition ends it.
  }

  async #round(topics: readonly string[]): Promise<void> {
    try {
      await this.#cluster.refresh(topics)
      this.#lastError = undefined
    } catch (error) {
      this.#lastError = error
      if (isForGood(error)) this.#wanted.clear() // Asked again when somebody needs it, not for ever.
      if (isWorthTelling(this.#rounds))
        this.#cluster.logger.warn('metadata refresh failed, trying again', {
          topics,
          attempt: this.#rounds,
          error,
        })
      return
    }
    const nowMs = this.#cluster.clock.monotonicMs()
    for (const topic of topics) {
      const known = this.#cluster.topic(topic)
      const hasLeader = known?.leaders.some(
        (_leader, index) => this.#cluster.leaderOf(topic, index) !== undefined,
      )
      if (!hasLeader && !isRefusal(known?.errorCode ?? code.NONE)) continue
      this.#wanted.delete(topic)
      this.#refreshedAtMs.set(topic, nowMs)
    }
  }

  /** Partitions are added now and then: looks in the background, while the old count serves. */
  #refreshWhenOld(topic: string): void {
    const nowMs = this.#cluster.clock.monotonicMs()
    if (nowMs - (this.#refreshedAtMs.get(topic) ?? nowMs) < maxAgeMs) return
    this.#refreshedAtMs.set(topic, nowMs)
    this.#cluster.refresh([topic]).catch((error: unknown) => {
      this.#cluster.logger.debug('background metadata refresh failed', { topic, error })
    })
  }
}

function isRefusal(errorCode: number): boolean {
  return errorCode !== code.NONE && !isPassing(errorCode)
}
