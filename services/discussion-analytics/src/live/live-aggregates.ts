import { backoffMs, uuidv7, type Clock, type Logger, type Meter, type Timer } from '@millrace/core'
import type { Database, Listener } from '@millrace/postgres'
import type { Weights } from '../domain/engagement.ts'
import { toThreadAggregate, type AggregateRow } from '../sql/aggregate-row.ts'
import { findThreads } from '../sql/find-threads.ts'
import { recentlyChanged } from '../sql/recently-changed.ts'
import { ChangeSet } from './change-set.ts'
import { Subscription, type StreamFilter } from './subscription.ts'

const channel = 'discussion_analytics_changed'
/** Changes of so long are pushed together, ms. */
const pushEveryMs = 15
/** At most 20 notifications a second and instance: they share one lock of the whole server. */
const notifyEveryMs = 50
/** pg_notify takes 7,999 bytes; ids and courses have up to 300 characters. */
const notifyLimitBytes = 7_500
const namedLimit = 500
const retryBackoff = { baseMs: 100, maxMs: 5_000 }

export interface LiveAggregatesOptions {
  readonly database: Database
  readonly weights: Weights
  /** Most streams open at once. */
  readonly maxStreams: number
  readonly logger: Logger
  readonly meter: Meter
  readonly clock: Clock
}

interface Notice {
  /** The instance that sent it, which knows already. */
  readonly from: string
  /** [thread, course] pairs; null: too many to name. */
  readonly threads: readonly (readonly [string, string])[] | null
}

/**
 * Pushes figures to open streams when they have changed, whichever instance changed them. Fed after the commit; other instances
 * hear of it by a NOTIFY outside the business transaction (inside, it would serialise all commits). A notice only says where to
 * look: what is pushed is read from the tables, so a lost or doubled one never shows a wrong figure.
 */
export class LiveAggregates {
  readonly #options: LiveAggregatesOptions
  readonly #instanceId = uuidv7()
  readonly #subscriptions = new Set<Subscription>()
  readonly #toPush = new ChangeSet(namedLimit)
  readonly #toNotify = new ChangeSet(namedLimit)
  #pushTimer: Timer | undefined
  #notifyTimer: Timer | undefined
  #failures = 0
  #running: Promise<void> = Promise.resolve()
  #listener: Listener | undefined
  #isClosed = false

  constructor(options: LiveAggregatesOptions) {
    this.#options = options
    options.meter.gauge({
      name: 'mr_analytics_streams',
      help: 'Event streams that are open.',
      collect: (gauge) => gauge.set(this.#subscriptions.size),
    })
  }

  get streamCount(): number {
    return this.#subscriptions.size
  }

  /** Hears of other instances from now on. @throws PostgresError while the database is away */
  async start(): Promise<void> {
    this.#listener ??= await this.#options.database.listen(
      channel,
      (payload) => this.#noticed(payload),
      { onConnected: () => this.#changedAll() },
    )
  }

  /** A stream for this filter, with the thread's present figures first; undefined when too many are open. Close it. */
  open(filter: StreamFilter): Subscription | undefined {
    if (this.#isClosed || this.#subscriptions.size >= this.#options.maxStreams) return undefined
    const subscription = new Subscription(filter)
    this.#subscriptions.add(subscription)
    if (filter.threadId !== null) {
      // The course is not known yet, and not needed: the thread itself is asked for.
      this.#toPush.add(filter.threadId, '')
      this.#schedulePush(0)
    }
    return subscription
  }

  close(subscription: Subscription): void {
    this.#subscriptions.delete(subscription)
  }

  /** Figures of these threads were committed by this instance. */
  changed(threads: Iterable<{ readonly threadId: string; readonly courseId: string }>): void {
    for (const { threadId, courseId } of threads) {
      if (this.#subscriptions.size > 0) this.#toPush.add(threadId, courseId)
      this.#toNotify.add(threadId, courseId)
    }
    this.#schedulePush(pushEveryMs)
    this.#scheduleNotify(notifyEveryMs)
  }

  async shutDown(): Promise<void> {
    this.#isClosed = true
    this.#pushTimer?.cancel()
    this.#notifyTimer?.cancel()
    await this.#listener?.close()
    await this.#running
  }

  #changedAll(): void {
    this.#toPush.addAll()
    this.#schedulePush(pushEveryMs)
  }

  #noticed(payload: string): void {
    const notice = parseNotice(payload)
    if (notice?.from === this.#instanceId) return
    if (!notice?.threads) return this.#changedAll()
    if (this.#subscriptions.size === 0) return
    for (const [threadId, courseId] of notice.threads) this.#toPush.add(threadId, courseId)
    this.#schedulePush(pushEveryMs)
  }

  #schedulePush(afterMs: number): void {
    if (this.#isClosed || this.#pushTimer || this.#toPush.isEmpty) return
    this.#pushTimer = this.#options.clock.setTimer(afterMs, () => {
      this.#running = this.#running.then(() => this.#push())
    })
  }

  async #push(): Promise<void> {
    this.#pushTimer = undefined
    if (this.#isClosed) return
    const changed = this.#toPush.take()
    try {
      await this.#pushStates(changed)
      this.#failures = 0
    } catch (error) {
      this.#options.logger.warn('Changed figures could not be read and will be', { error })
      this.#toPush.addAll()
      this.#schedulePush(backoffMs(++this.#failures, retryBackoff))
      return
    }
    this.#schedulePush(pushEveryMs)
  }

  async #pushStates(changed: ReadonlyMap<string, string> | 'all'): Promise<void> {
    const subscriptions = [...this.#subscriptions]
    if (subscriptions.length === 0) return
    const ids =
      changed === 'all'
        ? await this.#allWanted(subscriptions)
        : [...changed]
            .filter(([threadId, courseId]) =>
              subscriptions.some((each) => each.wants(threadId, courseId)),
            )
            .map(([threadId]) => threadId)
    if (ids.length === 0) return
    for (const row of await findThreads(this.#options.database, ids)) {
      const state = this.#stateOf(row)
      for (const each of subscriptions) if (each.wants(row.threadId, row.courseId)) each.push(state)
    }
  }

  #stateOf(row: AggregateRow): Parameters<Subscription['push']>[0] {
    const { threadId, courseId } = row
    const aggregate = row.isDeleted ? null : toThreadAggregate(row, this.#options.weights)
    return { threadId, courseId, aggregate }
  }

  /** Nobody knows what changed: the threads that are watched, and what changed lately in the courses that are. */
  async #allWanted(subscriptions: readonly Subscription[]): Promise<readonly string[]> {
    const threadIds = subscriptions.flatMap(({ filter }) => filter.threadId ?? [])
    const courseIds = [...new Set(subscriptions.flatMap(({ filter }) => filter.courseId ?? []))]
    const recent =
      courseIds.length === 0
        ? []
        : await recentlyChanged(this.#options.database, courseIds, namedLimit)
    return [...new Set([...threadIds, ...recent])]
  }

  #scheduleNotify(afterMs: number): void {
    if (this.#isClosed || this.#notifyTimer || this.#toNotify.isEmpty) return
    this.#notifyTimer = this.#options.clock.setTimer(afterMs, () => void this.#notify())
  }

  async #notify(): Promise<void> {
    this.#notifyTimer = undefined
    const payload = noticeText(this.#instanceId, this.#toNotify.take())
    try {
      await this.#options.database.query('select pg_notify($1, $2)', [channel, payload])
    } catch (error) {
      // Others show these figures at their next change, or when their own listener connects again.
      this.#options.logger.debug('Other instances were not told of changed figures', { error })
    }
    this.#scheduleNotify(notifyEveryMs)
  }
}

function noticeText(from: string, changed: ReadonlyMap<string, string> | 'all'): string {
  const notice: Notice = { from, threads: changed === 'all' ? null : [...changed] }
  const text = JSON.stringify(notice)
  return Buffer.byteLength(text) <= notifyLimitBytes
    ? text
    : JSON.stringify({ from, threads: null })
}

/** Anybody may notify on a channel: what cannot be read means "look yourself". */
function parseNotice(payload: string): Notice | undefined {
  try {
    const notice = JSON.parse(payload) as Partial<Notice> | null
    const isReadable =
      typeof notice?.from === 'string' &&
      (notice.threads === null ||
        (Array.isArray(notice.threads) && notice.threads.every((each) => Array.isArray(each))))
    return isReadable ? (notice as Notice) : undefined
  } catch {
    return undefined
  }
}
