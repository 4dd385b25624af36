import {
  assert,
  backoffMs,
  faults,
  Wakeup,
  type Clock,
  type Histogram,
  type Logger,
  type Meter,
} from '@millrace/core'
import type { Outbox } from '@millrace/outbox'
import type { Database } from '@millrace/postgres'
import type { CarryOut } from '../consumers/carry-out.ts'
import type { CallResult } from '../domain/plan-batch.ts'
import { callOf, type ProviderCall } from '../domain/reservation.ts'
import { PaymentsError } from '../errors.ts'
import { claimCalls, keepCalls, type DueCall } from '../sql/claim-calls.ts'
import type { PaymentProvider } from './payment-provider.ts'

export interface ProviderCallerOptions {
  readonly database: Database
  readonly outbox: Outbox
  readonly carryOut: CarryOut
  readonly provider: PaymentProvider
  /** How long a call may take, ms. */
  readonly callTimeoutMs: number
  /** Most calls under way at once. */
  readonly maxCalls: number
  /** How long after the death of the process that makes a call another one makes it again, ms. Default 10,000. */
  readonly leaseMs?: number
  readonly logger: Logger
  readonly meter: Meter
  readonly clock: Clock
}

/** Most reservations claimed, or results written, in one transaction. */
const batchSize = 500
/** How often the table is asked for calls that became due elsewhere, ms. */
const pollMs = 250

interface Result {
  readonly due: DueCall
  readonly call: ProviderCall
  readonly result: CallResult
}

/**
 * Calls the provider for whatever reservation needs it, and writes down what came of it. No transaction is open meanwhile: a reservation
 * that waits is a row with a time at which it is due; who claims it puts that time ahead (the lease), and renews it while the call is under way. A process that dies leaves rows
 * that come due again. One loop per process owns all state here; calls run beside it and only hand in their results.
 */
export class ProviderCaller implements AsyncDisposable {
  readonly #options: ProviderCallerOptions
  readonly #leaseMs: number
  readonly #wakeup: Wakeup
  readonly #closing = new AbortController()
  readonly #callSeconds: Histogram
  /** Orders whose call is under way, or whose result is not written yet. */
  readonly #underWay = new Set<string>()
  readonly #results: Result[] = []
  #renewedMs: number
  #running: Promise<void> | undefined

  constructor(options: ProviderCallerOptions) {
    this.#options = options
    this.#leaseMs = options.leaseMs ?? 10_000
    this.#wakeup = new Wakeup(options.clock)
    this.#renewedMs = options.clock.monotonicMs()
    this.#callSeconds = options.meter.histogram({
      name: 'mr_payments_provider_seconds',
      help: 'How long calls of the payment provider took, by call and what came of it.',
      labelNames: ['call', 'result'],
    })
    options.meter.gauge({
      name: 'mr_payments_provider_calls',
      help: 'Calls of the payment provider that are under way in this process.',
      collect: (gauge) => gauge.set(this.#underWay.size),
    })
  }

  /** Idempotent. */
  start(): void {
    this.#running ??= this.#run()
  }

  /** There may be something to do. */
  poke(): void {
    this.#wakeup.signal()
  }

  /** Calls under way are given up; whoever comes next makes them again. */
  async close(): Promise<void> {
    this.#closing.abort()
    await this.#running
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing
    const { database, logger, clock } = this.#options
    for (let failures = 0; !signal.aborted;) {
      try {
        const isBusy = await this.#round()
        failures = 0
        if (!isBusy) await this.#wakeup.wait(pollMs, signal)
      } catch (error) {
        failures++
        logger.warn('Calls of the payment provider wait: their rows cannot be read or written', {
          error,
        })
        await clock
          .sleep(backoffMs(failures, { baseMs: 100, maxMs: 5_000 }), signal)
          .catch(() => {})
      }
    }
    // What is given back is taken up at once by whoever comes next; what cannot be, when its lease is over.
    await keepCalls(database, [...this.#underWay], 0).catch((error: unknown) =>
      logger.debug('Calls could not be given back; their leases run out', { error }),
    )
  }

  /** @returns whether there may be more to do at once */
  async #round(): Promise<boolean> {
    const { database, maxCalls, clock } = this.#options
    const written = await this.#writeResults()
    if (clock.monotonicMs() - this.#renewedMs >= this.#leaseMs / 3) {
      await keepCalls(database, [...this.#underWay], this.#leaseMs)
      this.#renewedMs = clock.monotonicMs()
    }
    const room = Math.min(batchSize, maxCalls - this.#underWay.size)
    const due = room > 0 ? await claimCalls(database, room, this.#leaseMs) : []
    if (due.length > 0) await faults.at('payments.provider.afterClaim')
    for (const each of due) {
      // Claimed again while its call is under way: the lease ran out because this process stood still.
      if (this.#underWay.has(each.orderId)) continue
      this.#underWay.add(each.orderId)
      void this.#call(each)
    }
    return written + due.length > 0
  }

  /** Results stay in the list until they are written: what fails is tried again in the next round. */
  async #writeResults(): Promise<number> {
    const { database, carryOut, outbox } = this.#options
    const results = this.#results.slice(0, batchSize)
    if (results.length === 0) return 0
    await faults.at('payments.provider.afterCall')
    await database.transaction((tx) =>
      carryOut.run(
        tx,
        results.map(({ due, call, result }) => ({
          step: { kind: 'called', orderId: due.orderId, call, result },
          asked: null,
        })),
      ),
    )
    outbox.wake()
    await faults.at('payments.provider.afterAnswer')
    this.#results.splice(0, results.length)
    for (const { due } of results) this.#underWay.delete(due.orderId)
    return results.length
  }

  /** Never rejects. */
  async #call(due: DueCall): Promise<void> {
    const { clock } = this.#options
    const call = callOf[due.state]
    assert(call !== null, `nothing is to be asked about a payment that is ${due.state}`)
    const startMs = clock.monotonicMs()
    const result = await this.#ask(call, due)
    if (this.#closing.signal.aborted) return
    const seconds = (clock.monotonicMs() - startMs) / 1_000
    this.#callSeconds.observe(seconds, { call, result: result.kind })
    this.#results.push({ due, call, result })
    this.#wakeup.signal()
  }

  async #ask(call: ProviderCall, due: DueCall): Promise<CallResult> {
    const { provider, callTimeoutMs, clock } = this.#options
    const limit = new AbortController()
    const timer = clock.setTimer(callTimeoutMs, () => limit.abort(timeout(call, callTimeoutMs)))
    const signal = AbortSignal.any([limit.signal, this.#closing.signal])
    try {
      return (await Promise.race([provider[call](due, signal), ended(signal)])) ?? { kind: 'done' }
    } catch (error) {
      const { name, message } = error instanceof Error ? error : new Error(String(error))
      return { kind: 'failed', error: `${name}: ${message}`.slice(0, 500) }
    } finally {
      timer.cancel()
    }
  }
}

/** Rejects when the signal is aborted: also a client that does not listen to it counts as failed then. */
function ended(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const end = (): void => reject(signal.reason as Error)
    if (signal.aborted) end()
    else signal.addEventListener('abort', end, { once: true })
  })
}

function timeout(call: ProviderCall, timeoutMs: number): PaymentsError {
  return new PaymentsError(
    'MR_PAYMENTS_PROVIDER_TIMEOUT',
    `The payment provider did not answer "${call}" within ${timeoutMs} ms; what it has done is not known, the call is made again.`,
    { call, timeoutMs },
  )
}
