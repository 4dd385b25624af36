import { backoffMs, type BackoffOptions, type Clock, type Gauge, type Logger } from '@millrace/core'
import type { OutageState, ReceivedEvent } from './types.ts'

/** Keys the window remembers; the oldest make room. */
const maxKeys = 2_000
/** Events handled lately whose keys count as well when the first failure comes. */
const maxRecentEvents = 200

export interface OutageGateOptions {
  /** Failing keys it takes at least, however few keys there are. */
  readonly minKeys: number
  /** Share of the keys of the window that fail alike, 0 to 1. */
  readonly share: number
  readonly windowMs: number
  readonly probeBackoff: BackoffOptions
  readonly groupId: string
  readonly gauge: Gauge
  readonly logger: Logger
  readonly clock: Clock
}

/** Whether an attempt may be made. `probe`: one event, whose end must be told by `noteHandled`, `noteFailed` or `endProbe`. */
export type Permit =
  | { readonly kind: 'open' }
  | { readonly kind: 'probe' }
  | { readonly kind: 'closed'; readonly inMs: number }

interface Outage {
  readonly errorClass: string
  readonly sinceMs: number
  probes: number
  nextProbeMs: number
  isProbing: boolean
}

/**
 * Tells an outage from events that fail by themselves: when most keys fail alike within a while, it is none of the events, and trying on would
 * only fill the dead letters. It is closed then but for one event at a time, with backoff, and opens as soon as one succeeds or fails otherwise.
 * Owned by one consumer; knows only what that one sees.
 */
export class OutageGate {
  readonly #options: OutageGateOptions
  /** Class of the last failure by key, null for a success, the longest ago first; filled only while something fails. */
  readonly #window = new Map<
    string,
    { readonly errorClass: string | null; readonly atMs: number }
  >()
  readonly #recent: (readonly ReceivedEvent[])[] = []
  #recentCount = 0
  #lastFailureMs = -Infinity
  #outage: Outage | undefined

  constructor(options: OutageGateOptions) {
    this.#options = options
  }

  get outage(): OutageState | null {
    if (!this.#outage) return null
    const { errorClass, sinceMs, probes } = this.#outage
    return {
      errorClass,
      forMs: this.#options.clock.monotonicMs() - sinceMs,
      probes,
      nextProbeInMs: this.#waitMs(this.#outage),
    }
  }

  admit(): Permit {
    const outage = this.#outage
    if (!outage) return { kind: 'open' }
    if (outage.isProbing || this.#waitMs(outage) > 0)
      return { kind: 'closed', inMs: Math.max(this.#waitMs(outage), 50) }
    outage.isProbing = true
    outage.probes++
    return { kind: 'probe' }
  }

  /** These events took effect. Keeps the last ones at hand, and looks at their keys only while something fails. */
  noteHandled(events: readonly ReceivedEvent[]): void {
    if (events.length === 0) return
    this.#recent.push(events)
    this.#recentCount += events.length
    for (let first = this.#recent[0]; first; first = this.#recent[0]) {
      if (this.#recentCount - first.length < maxRecentEvents) break
      this.#recentCount -= first.length
      this.#recent.shift()
    }
    if (this.#outage) this.#end('an event was handled')
    if (this.#isArmed()) for (const event of events) this.#remember(keyOf(event), null)
  }

  /** An attempt failed. True: there is an outage, and the event is not to blame; nothing may be recorded against it. */
  noteFailed(event: ReceivedEvent, errorClass: string): boolean {
    if (!this.#isArmed()) {
      this.#window.clear()
      for (const event of this.#recent.flat().slice(-maxRecentEvents))
        this.#remember(keyOf(event), null)
    }
    this.#lastFailureMs = this.#options.clock.monotonicMs()
    this.#remember(keyOf(event), errorClass)
    if (this.#outage) {
      if (this.#outage.errorClass === errorClass) {
        this.#postpone(this.#outage)
        return true
      }
      this.#end(`an event failed otherwise (${errorClass})`)
      return false
    }
    if (!this.#isOutage(errorClass)) return false
    this.trip(errorClass)
    return true
  }

  /** Closes the gate: an outage begins, or goes on. */
  trip(errorClass: string): void {
    const { clock, gauge, groupId, logger } = this.#options
    if (this.#outage) return this.#postpone(this.#outage)
    this.#outage = {
      errorClass,
      sinceMs: clock.monotonicMs(),
      probes: 0,
      nextProbeMs: 0,
      isProbing: false,
    }
    this.#postpone(this.#outage)
    gauge.set(1, { group: groupId })
    logger.error(
      'Most keys fail alike: the consumer pauses and tries one event from time to time',
      {
        errorClass,
      },
    )
  }

  /** A probe came to no end that says anything: another may be made at once. Nothing when it was told already. */
  endProbe(): void {
    if (this.#outage) this.#outage.isProbing = false
  }

  #waitMs(outage: Outage): number {
    return Math.max(0, outage.nextProbeMs - this.#options.clock.monotonicMs())
  }

  #postpone(outage: Outage): void {
    const { clock, probeBackoff } = this.#options
    outage.isProbing = false
    outage.nextProbeMs = clock.monotonicMs() + backoffMs(outage.probes + 1, probeBackoff)
  }

  #end(why: string): void {
    const { gauge, groupId, logger, clock } = this.#options
    if (!this.#outage) return
    const { errorClass, sinceMs, probes } = this.#outage
    this.#outage = undefined
    this.#window.clear()
    this.#lastFailureMs = -Infinity
    gauge.set(0, { group: groupId })
    const forMs = Math.round(clock.monotonicMs() - sinceMs)
    logger.info('The outage is over', { errorClass, forMs, probes, why })
  }

  #isArmed(): boolean {
    return this.#options.clock.monotonicMs() - this.#lastFailureMs <= this.#options.windowMs
  }

  #remember(key: string, errorClass: string | null): void {
    this.#window.delete(key)
    this.#window.set(key, { errorClass, atMs: this.#options.clock.monotonicMs() })
    if (this.#window.size <= maxKeys) return
    const [oldest] = this.#window.keys()
    if (oldest !== undefined) this.#window.delete(oldest)
  }

  #isOutage(errorClass: string): boolean {
    const { minKeys, share, windowMs, clock } = this.#options
    const oldestMs = clock.monotonicMs() - windowMs
    let failing = 0
    let keys = 0
    for (const each of this.#window.values()) {
      if (each.atMs < oldestMs) continue
      keys++
      if (each.errorClass === errorClass) failing++
    }
    return failing >= minKeys && failing >= share * keys
  }
}

/** Events without a key stand for themselves. */
function keyOf({ key, event }: ReceivedEvent): string {
  return key ?? event.eventId
}
