import {
  decisionMoves,
  mergeLines,
  movementOf,
  type Line,
  type Movement,
  type ReservationState,
} from './reservation.ts'

/** What happened to an order, in the order of its events. */
export type Step =
  | { readonly kind: 'placed'; readonly orderId: string; readonly lines: readonly Line[] }
  | { readonly kind: 'decided'; readonly orderId: string; readonly isConfirmed: boolean }

/** `reject`: every new order is refused. `silent`: goods are reserved, and nobody is told. */
export type FaultMode = 'normal' | 'reject' | 'silent'

/** What this side has of an order. */
export interface Reservation {
  readonly state: ReservationState
  readonly reason: string | null
  /** What is set aside; empty where nothing was. */
  readonly lines: readonly Line[]
}

export interface BatchState {
  /** Of the skus concerned; absent: none. */
  readonly onHand: ReadonlyMap<string, number>
  readonly reservations: ReadonlyMap<string, Reservation>
  readonly mode: FaultMode
}

export interface BatchAnswer {
  /** Of the step that it answers. */
  readonly stepIndex: number
  /** Null: ACCEPT. */
  readonly rejectReason: string | null
}

export interface ChangedReservation {
  readonly orderId: string
  readonly state: ReservationState
  readonly reason: string | null
  readonly isNew: boolean
  readonly isDecided: boolean
}

/** A decision that cannot be carried out, such as CONFIRMED for goods that were refused: the saga never says so. */
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
export function planBatch(steps: readonly Step[], before: BatchState): BatchPlan {
  const batch = new Batch(before)
  steps.forEach((step, index) => {
    if (step.kind === 'placed') batch.place(step, index)
    else batch.decide(step)
  })
  return batch.plan()
}

class Batch {
  readonly #before: BatchState
  readonly #onHand: Map<string, number>
  readonly #reservations: Map<string, Reservation>
  readonly #changed = new Map<string, boolean>()
  readonly #movements: Movement[] = []
  readonly #answers: BatchAnswer[] = []
  readonly #anomalies: Anomaly[] = []

  constructor(before: BatchState) {
    this.#before = before
    this.#onHand = new Map(before.onHand)
    this.#reservations = new Map(before.reservations)
  }

  place({ orderId, lines }: Step & { readonly kind: 'placed' }, stepIndex: number): void {
    const isSilent = this.#before.mode === 'silent'
    const known = this.#reservations.get(orderId)
    if (!known) this.#reserve(orderId, mergeLines(lines))
    const { state, reason } = this.#reservations.get(orderId) ?? known ?? closed
    // A repeat under another event id is answered alike, as long as somebody may wait for the answer.
    if (!isSilent && (state === 'RESERVED' || state === 'REFUSED'))
      this.#answers.push({ stepIndex, rejectReason: state === 'REFUSED' ? reason : null })
  }

  decide({ orderId, isConfirmed }: Step & { readonly kind: 'decided' }): void {
    const known = this.#reservations.get(orderId)
    if (!known) {
      if (isConfirmed) this.#anomalies.push({ orderId, state: null, isConfirmed })
      this.#set(orderId, closed, true)
      return
    }
    const { state, lines } = known
    const next = isConfirmed ? decisionMoves[state].confirmed : decisionMoves[state].undone
    if (next === undefined) {
      if (contradicts(state, isConfirmed)) this.#anomalies.push({ orderId, state, isConfirmed })
      return
    }
    const kind = isConfirmed ? 'TAKE' : 'RELEASE'
    for (const line of lines) this.#move(movementOf(kind, orderId, line))
    this.#set(orderId, { ...known, state: next }, true)
  }

  plan(): BatchPlan {
    return {
      reservations: [...this.#changed].map(([orderId, isDecided]) => {
        const { state, reason } = this.#reservations.get(orderId) ?? closed
        const isNew = !this.#before.reservations.has(orderId)
        return { orderId, state, reason, isNew, isDecided }
      }),
      movements: this.#movements,
      answers: this.#answers,
      anomalies: this.#anomalies,
    }
  }

  /** All lines or none. */
  #reserve(orderId: string, lines: readonly Line[]): void {
    const reason = this.#refusalOf(lines)
    if (reason !== null) {
      this.#set(orderId, { state: 'REFUSED', reason, lines: [] }, false)
      return
    }
    for (const line of lines) this.#move(movementOf('RESERVE', orderId, line))
    this.#set(orderId, { state: 'RESERVED', reason: null, lines }, false)
  }

  #refusalOf(lines: readonly Line[]): string | null {
    if (this.#before.mode === 'reject')
      return 'Stock refuses all orders for the moment, because the Lab says so.'
    const short = lines.filter(({ sku, quantity }) => (this.#onHand.get(sku) ?? 0) < quantity)
    const [first] = short
    if (!first) return null
    const there = this.#onHand.get(first.sku) ?? 0
    const others = short.length > 1 ? `; ${short.length - 1} more articles are short` : ''
    return `Not enough of ${first.sku}: ${first.quantity} ordered, ${there === 0 ? 'none' : there} in stock${others}.`
  }

  #move(movement: Movement): void {
    const { sku, onHand } = movement
    this.#onHand.set(sku, (this.#onHand.get(sku) ?? 0) + onHand)
    this.#movements.push(movement)
  }

  #set(orderId: string, reservation: Reservation, isDecided: boolean): void {
    this.#reservations.set(orderId, reservation)
    this.#changed.set(orderId, isDecided || (this.#changed.get(orderId) ?? false))
  }
}

const closed: Reservation = { state: 'CLOSED', reason: null, lines: [] }

/** A repeated decision is no surprise; one that says the opposite of what was done is. */
function contradicts(state: ReservationState, isConfirmed: boolean): boolean {
  return isConfirmed ? state === 'REFUSED' || state === 'RELEASED' : state === 'TAKEN'
}
