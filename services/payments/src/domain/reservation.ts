/**
 * PENDING: money is set aside here, the provider has not answered yet. RESERVED: it has, ACCEPT was answered. REFUSED: nothing is set aside,
 * REJECT was answered. CAPTURING, RELEASING: the figures have moved, the provider is yet to be told. CAPTURED, RELEASED: it was. CLOSED: the saga
 * decided before this side had reserved anything; whatever comes later reserves nothing.
 */
export const ReservationState = {
  PENDING: 'PENDING',
  RESERVED: 'RESERVED',
  REFUSED: 'REFUSED',
  CAPTURING: 'CAPTURING',
  CAPTURED: 'CAPTURED',
  RELEASING: 'RELEASING',
  RELEASED: 'RELEASED',
  CLOSED: 'CLOSED',
} as const
export type ReservationState = (typeof ReservationState)[keyof typeof ReservationState]

/** Every move there is. */
export const reservationMoves = {
  PENDING: ['RESERVED', 'REFUSED', 'CAPTURING', 'RELEASING'],
  RESERVED: ['CAPTURING', 'RELEASING'],
  REFUSED: [],
  CAPTURING: ['CAPTURED'],
  CAPTURED: [],
  RELEASING: ['RELEASED'],
  RELEASED: [],
  CLOSED: [],
} as const satisfies Record<ReservationState, readonly ReservationState[]>

/** What the provider has to be asked or told in a state; null: nothing. */
export const callOf = {
  PENDING: 'reserve',
  RESERVED: null,
  REFUSED: null,
  CAPTURING: 'capture',
  CAPTURED: null,
  RELEASING: 'release',
  RELEASED: null,
  CLOSED: null,
} as const satisfies Record<ReservationState, 'reserve' | 'capture' | 'release' | null>

export type ProviderCall = 'reserve' | 'capture' | 'release'

/** What this side has of an order. */
export interface Reservation {
  readonly customerId: string
  readonly totalMills: number
  readonly state: ReservationState
  /** Null until it is answered. */
  readonly answer: 'ACCEPT' | 'REJECT' | null
  /** Of a REJECT. */
  readonly reason: string | null
  /** Calls of the provider since the state changed. */
  readonly attempts: number
  readonly isDecided: boolean
}

export type MovementKind = 'OPENING' | 'DEPOSIT' | 'RESERVE' | 'CAPTURE' | 'RELEASE'

/** One change of a customer's three figures, thousandths of a pound. */
export interface Movement {
  readonly customerId: string
  readonly kind: MovementKind
  readonly balance: number
  readonly reserved: number
  readonly spent: number
  readonly orderId: string | null
  readonly reason: string | null
  readonly actorId: string | null
  readonly externalId: string | null
  /** ISO 8601; null: now. */
  readonly at: string | null
}

/** What an order does with the money of its customer. */
export function movementOf(
  kind: 'RESERVE' | 'CAPTURE' | 'RELEASE',
  orderId: string,
  { customerId, totalMills: mills }: Pick<Reservation, 'customerId' | 'totalMills'>,
): Movement {
  const changes = {
    RESERVE: { balance: -mills, reserved: mills, spent: 0 },
    CAPTURE: { balance: 0, reserved: -mills, spent: mills },
    RELEASE: { balance: mills, reserved: -mills, spent: 0 },
  }[kind]
  const rest = { reason: null, actorId: null, externalId: null, at: null }
  return { customerId, kind, ...changes, orderId, ...rest }
}

/** Money that comes from outside. */
export function depositOf(
  customerId: string,
  mills: number,
  more: Partial<Pick<Movement, 'reason' | 'actorId' | 'externalId' | 'at'>>,
): Movement {
  return {
    customerId,
    kind: 'DEPOSIT',
    balance: mills,
    reserved: 0,
    spent: 0,
    orderId: null,
    reason: null,
    actorId: null,
    externalId: null,
    at: null,
    ...more,
  }
}
