import { systemClock, toError, type Clock } from '@millrace/core'

/** Phases of a service's life. */
export const ServicePhase = {
  STARTING: 'starting',
  RUNNING: 'running',
  FAILED: 'failed',
  STOPPING: 'stopping',
} as const
export type ServicePhase = (typeof ServicePhase)[keyof typeof ServicePhase]

/**
 * Says whether something the service needs is there: fine when it returns nothing or true; not ready when it throws (the message is
 * the reason), or returns false or a reason.
 */
export type ReadinessCheck = (
  signal: AbortSignal,
) => void | boolean | string | Promise<void | boolean | string>

export interface PartReadiness {
  readonly name: string
  readonly state: 'up' | 'starting' | 'down'
  /** Why it is not up; null when it is. */
  readonly reason: string | null
}

/** Several parts at once, for a service that looks at others. */
export type ReadinessParts = () => Promise<readonly PartReadiness[]>

/** Body of /health/ready. */
export interface ReadinessReport {
  readonly status: 'ready' | 'starting' | 'unavailable' | 'failed' | 'stopping'
  readonly parts: readonly PartReadiness[]
}

/** Longest wait for one check, ms. */
const checkTimeoutMs = 2000

/** The same without the texts of faults: they name addresses, databases and people's doings. */
export function withoutReasons({ status, parts }: ReadinessReport): ReadinessReport {
  return { status, parts: parts.map((part) => ({ ...part, reason: null })) }
}

/** Owner of a service's phase and of its readiness checks. */
export class Readiness {
  readonly #checks = new Map<string, ReadinessCheck>()
  readonly #partSources: ReadinessParts[] = []
  readonly #clock: Clock
  #phase: ServicePhase = ServicePhase.STARTING
  /** What is being waited for, or what failed. */
  #phaseReason: string | null = null
  #running: Promise<ReadinessReport> | undefined

  constructor(clock: Clock = systemClock) {
    this.#clock = clock
  }

  get phase(): ServicePhase {
    return this.#phase
  }

  get phaseReason(): string | null {
    return this.#phaseReason
  }

  setPhase(phase: ServicePhase, reason: string | null = null): void {
    if (this.#phase === ServicePhase.STOPPING) return
    this.#phase = phase
    this.#phaseReason = reason
  }

  add(name: string, check: ReadinessCheck): void {
    this.#checks.set(name, check)
  }

  addParts(source: ReadinessParts): void {
    this.#partSources.push(source)
  }

  /** Runs all checks side by side; requests that come meanwhile share the run. */
  report(): Promise<ReadinessReport> {
    this.#running ??= this.#run().finally(() => (this.#running = undefined))
    return this.#running
  }

  async #run(): Promise<ReadinessReport> {
    const results = await Promise.all([
      ...[...this.#checks].map(([name, check]) => this.#runCheck(name, check)),
      ...this.#partSources.map((source) => source()),
    ])
    const parts = results.flat()
    const phase = this.#phase
    if (phase === ServicePhase.RUNNING) {
      return { status: parts.every((part) => part.state === 'up') ? 'ready' : 'unavailable', parts }
    }
    const state = phase === ServicePhase.STARTING ? 'starting' : 'down'
    return { status: phase, parts: [{ name: 'start', state, reason: this.#phaseReason }, ...parts] }
  }

  async #runCheck(name: string, check: ReadinessCheck): Promise<PartReadiness> {
    const abort = new AbortController()
    const timer = this.#clock.setTimer(checkTimeoutMs, () =>
      abort.abort(new Error(`no answer within ${checkTimeoutMs} ms`)),
    )
    const timeout = new Promise<never>((_, reject) => {
      abort.signal.addEventListener('abort', () => reject(abort.signal.reason as Error), {
        once: true,
      })
    })
    const down = (reason: string): PartReadiness => ({
      name,
      state: this.#phase === ServicePhase.STARTING ? 'starting' : 'down',
      reason,
    })
    try {
      const result = await Promise.race([check(abort.signal), timeout])
      if (typeof result === 'string') return down(result)
      return result === false ? down('not ready') : { name, state: 'up', reason: null }
    } catch (error) {
      return down(toError(error).message)
    } finally {
      timer.cancel()
    }
  }
}
