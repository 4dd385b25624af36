import { toError, type Clock } from '@millrace/core'
import { deliverTwice, sendPoison } from './broker-acts.ts'
import { labFaults, type LabFault, type LabFaultId } from './faults.ts'
import type { OrderFindings } from './order-history.ts'
import { OrderWatch } from './order-watch.ts'

/** The running parts, as far as the lab acts on them. */
export interface LabParts {
  readonly kafkaBrokers: string
  readonly paymentsUrl: string
  readonly stockUrl: string
  /** Kills a process of ours and holds its restart; false where it is not ours (`KAFKA_BROKERS`) or not there. */
  crash(part: 'broker' | 'services', downMs: number): boolean
}

export interface LabFaultState extends LabFault {
  readonly isOn: boolean
  readonly lastAt: string | null
  readonly lastResult: string | null
}

/** How long the broker stays away, ms. */
const brokerDownMs = 20_000
const lateMs = 30_000
const callTimeoutMs = 10_000

/** What each switch asks of the payment provider or of stock while it is on. */
const settings = {
  'payment-late': { of: 'payments', body: { mode: 'late', delayMs: lateMs } },
  'payment-rejects': { of: 'payments', body: { mode: 'reject' } },
  'payment-fails': { of: 'payments', body: { mode: 'fail' } },
  'stock-rejects': { of: 'stock', body: { mode: 'reject' } },
  'stock-silent': { of: 'stock', body: { mode: 'silent' } },
} as const satisfies Partial<Record<LabFaultId, { of: 'payments' | 'stock'; body: object }>>

type SwitchId = keyof typeof settings

function isSwitch(id: LabFaultId): id is SwitchId {
  return id in settings
}

/** Brings faults about on the running parts, and looks on. */
export class Lab {
  readonly #parts: LabParts
  readonly #clock: Clock
  readonly #watch: OrderWatch
  /** At most one switch per service: they are modes of one thing. */
  readonly #on = new Map<'payments' | 'stock', SwitchId>()
  readonly #last = new Map<LabFaultId, { readonly at: string; readonly result: string }>()

  constructor(parts: LabParts, clock: Clock) {
    this.#parts = parts
    this.#clock = clock
    this.#watch = new OrderWatch(() => parts.kafkaBrokers, clock)
  }

  state(): {
    readonly faults: LabFaultState[]
    readonly checker: OrderFindings & { readonly fault: string | null }
  } {
    return { faults: labFaults.map((fault) => this.#stateOf(fault)), checker: this.#watch.look() }
  }

  /**
   * Switches a fault on or off, or brings it about.
   * @throws whatever the part concerned answers
   */
  async set(id: LabFaultId, isOn: boolean): Promise<LabFaultState> {
    const result = await this.#act(id, isOn)
    this.#last.set(id, { at: new Date(this.#clock.now()).toISOString(), result })
    return this.#stateOf(labFaults.find((fault) => fault.id === id) as LabFault)
  }

  /** All switches off. */
  async reset(): Promise<void> {
    for (const id of this.#on.values()) await this.set(id, false)
  }

  /**
   * To be called while the services still run: it switches off what is on, as the modes stand in their databases and the next start would begin
   * with them. A service that does not answer keeps its mode; in production mode it drops it at its start.
   */
  async close(): Promise<void> {
    const off = [...this.#on.values()].map((id) => this.set(id, false))
    await Promise.all([Promise.allSettled(off), this.#watch.close()])
  }

  async #act(id: LabFaultId, isOn: boolean): Promise<string> {
    if (isSwitch(id)) return this.#switch(id, isOn)
    const kafka = { brokers: [this.#parts.kafkaBrokers], clientId: 'lab' }
    switch (id) {
      case 'deliver-twice':
        return `${await deliverTwice(kafka)} records sent again`
      case 'poison':
        return `${await sendPoison(kafka)} records that nobody can read`
      case 'broker-down':
        return this.#crash('broker', brokerDownMs, 'the broker is yours (KAFKA_BROKERS)')
      case 'kill-services':
        return this.#crash('services', 0, 'services run in processes of their own (--processes)')
    }
  }

  #crash(part: 'broker' | 'services', downMs: number, ifNot: string): string {
    if (!this.#parts.crash(part, downMs)) throw new Error(`nothing was killed: ${ifNot}`)
    return downMs === 0 ? 'killed' : `killed, down for ${downMs / 1000} s`
  }

  async #switch(id: SwitchId, isOn: boolean): Promise<string> {
    const { of, body } = settings[id]
    if (!isOn && this.#on.get(of) !== id) return 'was off'
    const { paymentsUrl, stockUrl } = this.#parts
    const url =
      of === 'payments' ? `${paymentsUrl}/api/payments/provider` : `${stockUrl}/api/stock/faults`
    const response = await fetch(url, {
      method: 'PUT',
      headers: { 'content-type': 'application/json', 'x-user-id': 'grace' },
      body: JSON.stringify(isOn ? body : { mode: 'normal' }),
      signal: AbortSignal.timeout(callTimeoutMs),
    }).catch((error: unknown) => {
      throw new Error(`${of} did not answer: ${toError(error).message}`, { cause: error })
    })
    if (!response.ok) throw new Error(`${of} answered ${response.status}: ${await response.text()}`)
    if (isOn) this.#on.set(of, id)
    else this.#on.delete(of)
    return isOn ? 'on' : 'off'
  }

  #stateOf(fault: LabFault): LabFaultState {
    const last = this.#last.get(fault.id as LabFaultId)
    return {
      ...fault,
      isOn: [...this.#on.values()].some((id) => id === fault.id),
      lastAt: last?.at ?? null,
      lastResult: last?.result ?? null,
    }
  }
}
