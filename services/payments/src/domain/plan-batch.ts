import { assert } from '@millrace/core'
import { poundsOf } from './money.ts'
import {
  callOf,
  movementOf,
  reservationMoves,
  type Movement,
  type ProviderCall,
  type Reservation,
  type ReservationState,
} from './reservation.ts'

/** What came of a call of the provider. */
export type CallResult =
  | { readonly kind: 'done' }
  /** It refuses to reserve, in words for the customer. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** No answer, or an error: what it has done is not known. */
  | { readonly kind: 'failed'; readonly error: string }

/** What happened to an order. */
export type Step =
  | {
      readonly kind: 'placed'
      readonly orderId: string
      readonly customerId: string
      readonly totalMills: number
    }
  | { readonly kind: 'decided'; readonly orderId: string; readonly isConfirmed: boolean }
  | {
      readonly kind: 'called'
      readonly orderId: string
      readonly call: ProviderCall
      readonly result: CallResult
    }

export interface BatchState {
  /** Of the customers concerned. */
  readonly balances: ReadonlyMap<string, number>
  readonly reservations: ReadonlyMap<string, Reservation>
}

export interface BatchRules {
  /** How often the provider is asked to reserve. */
  readonly maxAttempts: number
  /** How long to wait after failed calls, ms. */
  readonly retryWaitMs: (failedAttempts: number) => number
}

export interface BatchAnswer {
  /** Of the step that it answers. */
  readonly stepIndex: number
  /** Null: ACCEPT. */
  readonly rejectReason: string | null
}

export interface ChangedReservation extends Reservation {
  readonly orderId: string
  readonly isNew: boolean
  /** Of the step that made it; the one whose order is kept until it is answered. Null for those that were there. */
  readonly madeByStep: number | null
  /** When the provider is to be called next, ms from now; null: as it was, for a call may be under way. */
  readonly waitMs: number | null
  readonly lastError: string | null
}

/** A decision that cannot be carried out, such as CONFIRMED for money that was refused: the saga never says so. */
export interface Anomaly {
  readonly orderId: string
  readonly state: ReservationState | null
  readonly isConfirmed: boolean
}

export interface BatchPlan {
  readonly reservations: readonly ChangedReservation[]
  readonly movements: readonly Movement[]
  readonly answers: readonly BatchAnswer[]
  readonly anomalies: readonly Anomaly[]
}

/** Goes through the steps one after the other; what an earlier one reserves, a later one cannot have. Pure: the caller holds the locks. */
export function planBatch(
  steps: readonly Step[],
  before: BatchState,
  rules: BatchRules,
): BatchPlan {
  const batch = new Batch(before, rules)
  steps.forEach((step, index) => batch.take(step, index))
  return batch.plan()
}

type Placed = Step & { readonly kind: 'placed' }
type Decided = Step & { readonly kind: 'decided' }
type Called = Step & { readonly kind: 'called' }

class Batch {
  readonly #before: BatchState
  readonly #rules: BatchRules
  readonly #balances: Map<string, number>
  readonly #changed = new Map<string, ChangedReservation>()
  readonly #movements: Movement[] = []
  readonly #answers: BatchAnswer[] = []
  readonly #anomalies: Anomaly[] = []

  constructor(before: BatchState, rules: BatchRules) {
    this.#before = before
    this.#rules = rules
    this.#balances = new Map(before.balances)
  }

  take(step: Step, index: number): void {
    switch (step.kind) {
      case 'placed':
        return this.#place(step, index)
      case 'decided':
        return this.#decide(step)
      case 'called':
        return this.#called(step, index)
    }
  }

  plan(): BatchPlan {
    return {
      reservations: [...this.#changed.values()],
      movements: this.#movements,
      answers: this.#answers,
      anomalies: this.#anomalies,
    }
  }

  #place({ orderId, customerId, totalMills }: Placed, stepIndex: number): void {
    const known = this.#find(orderId)
    if (known) {
      // A repeat under another event id is answered alike, as long as somebody may wait for the answer.
      if (known.answer !== null && !known.isDecided) this.#answer(stepIndex, known)
      return
    }
    const fresh = { customerId, totalMills, reason: null, attempts: 0, isDecided: false }
    const balance = this.#balances.get(customerId) ?? 0
    if (balance >= totalMills) {
      this.#move(movementOf('RESERVE', orderId, fresh))
      this.#make(orderId, { ...fresh, state: 'PENDING', answer: null }, stepIndex)
      return
    }
    const reason = `Not enough money: the order costs ${poundsOf(totalMills)}, ${poundsOf(balance)} is there.`
    const refused = { ...fresh, state: 'REFUSED', answer: 'REJECT', reason } as const
    this.#make(orderId, refused, stepIndex)
    this.#answer(stepIndex, refused)
  }

  #decide({ orderId, isConfirmed }: Decided): void {
    const known = this.#find(orderId)
    if (!known) {
      if (isConfirmed) this.#anomalies.push({ orderId, state: null, isConfirmed })
      const closed = { customerId: '', totalMills: 0, state: 'CLOSED', attempts: 0 } as const
      this.#make(orderId, { ...closed, answer: null, reason: null, isDecided: true }, null)
      return
    }
    const { state } = known
    if (state === 'PENDING' || state === 'RESERVED') {
      this.#move(movementOf(isConfirmed ? 'CAPTURE' : 'RELEASE', orderId, known))
      this.#set(orderId, known, {
        state: isConfirmed ? 'CAPTURING' : 'RELEASING',
        attempts: 0,
        isDecided: true,
        // The provider is being asked to reserve, perhaps: it is told when that call is over, never beside it.
        waitMs: state === 'PENDING' ? null : 0,
      })
      return
    }
    if (contradicts(state, isConfirmed)) this.#anomalies.push({ orderId, state, isConfirmed })
    if (!known.isDecided) this.#set(orderId, known, { isDecided: true })
  }

  #called({ orderId, call, result }: Called, stepIndex: number): void {
    const known = this.#find(orderId)
    if (!known) return
    if (callOf[known.state] !== call) {
      // The saga decided while the provider was asked: what it has to be told instead is due now.
      if (callOf[known.state] !== null) this.#set(orderId, known, { waitMs: 0 })
      return
    }
    if (result.kind === 'failed') return this.#failed(orderId, known, result.error, stepIndex)
    const done = { attempts: 0, lastError: null, waitMs: 0 }
    if (known.state !== 'PENDING') {
      const state = known.state === 'CAPTURING' ? 'CAPTURED' : 'RELEASED'
      this.#set(orderId, known, { ...done, state })
    } else if (result.kind === 'done') {
      this.#answer(
        stepIndex,
        this.#set(orderId, known, { ...done, state: 'RESERVED', answer: 'ACCEPT' }),
      )
    } else {
      this.#refuse(orderId, known, { ...done, state: 'REFUSED', reason: result.reason }, stepIndex)
    }
  }

  #failed(orderId: string, known: Reservation, lastError: string, stepIndex: number): void {
    const waitMs = this.#rules.retryWaitMs(known.attempts)
    if (known.state !== 'PENDING' || known.attempts < this.#rules.maxAttempts) {
      this.#set(orderId, known, { waitMs, lastError })
      return
    }
    // It may have reserved and could not say so, so it is told to release.
    const reason = 'The payment provider cannot be reached at the moment.'
    const change = { state: 'RELEASING', attempts: 0, waitMs, lastError, reason } as const
    this.#refuse(orderId, known, change, stepIndex)
  }

  #refuse(
    orderId: string,
    known: Reservation,
    change: Partial<ChangedReservation>,
    stepIndex: number,
  ): void {
    this.#move(movementOf('RELEASE', orderId, known))
    this.#answer(stepIndex, this.#set(orderId, known, { ...change, answer: 'REJECT' }))
  }

  #find(orderId: string): Reservation | undefined {
    return this.#changed.get(orderId) ?? this.#before.reservations.get(orderId)
  }

  #move(movement: Movement): void {
    const { customerId, balance } = movement
    this.#balances.set(customerId, (this.#balances.get(customerId) ?? 0) + balance)
    this.#movements.push(movement)
  }

  #answer(stepIndex: number, { answer, reason }: Reservation): void {
    this.#answers.push({ stepIndex, rejectReason: answer === 'REJECT' ? (reason ?? '') : null })
  }

  #make(orderId: string, reservation: Reservation, madeByStep: number | null): void {
    const rest = { orderId, isNew: true, madeByStep, waitMs: 0, lastError: null }
    this.#changed.set(orderId, { ...reservation, ...rest })
  }

  #set(
    orderId: string,
    known: Reservation,
    change: Partial<ChangedReservation>,
  ): ChangedReservation {
    const { state = known.state } = change
    const moves: readonly ReservationState[] = reservationMoves[known.state]
    assert(
      state === known.state || moves.includes(state),
      `a payment reservation cannot go from ${known.state} to ${state}`,
    )
    const unchanged = { isNew: false, madeByStep: null, waitMs: null, lastError: null }
    const changed = { ...unchanged, ...this.#changed.get(orderId), ...known, orderId, ...change }
    this.#changed.set(orderId, changed)
    return changed
  }
}

/** A repeated decision is no surprise; one that says the opposite of what was done is. */
function contradicts(state: ReservationState, isConfirmed: boolean): boolean {
  return isConfirmed
    ? state === 'REFUSED' || state === 'RELEASING' || state === 'RELEASED'
    : state === 'CAPTURING' || state === 'CAPTURED'
}
