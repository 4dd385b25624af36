/**
 * RESERVED: all lines are set aside, ACCEPT was answered. REFUSED: nothing is, REJECT was answered. TAKEN, RELEASED: what the saga decided
 * was done. CLOSED: it decided before this side had reserved anything; whatever comes later reserves nothing.
 */
export const ReservationState = {
  RESERVED: 'RESERVED',
  REFUSED: 'REFUSED',
  TAKEN: 'TAKEN',
  RELEASED: 'RELEASED',
  CLOSED: 'CLOSED',
} as const
export type ReservationState = (typeof ReservationState)[keyof typeof ReservationState]

/** What a decision makes of a reservation, by whether the order was confirmed; absent: nothing more. */
export const decisionMoves: Readonly<
  Record<ReservationState, { readonly confirmed?: 'TAKEN'; readonly undone?: 'RELEASED' }>
> = {
  RESERVED: { confirmed: 'TAKEN', undone: 'RELEASED' },
  REFUSED: {},
  TAKEN: {},
  RELEASED: {},
  CLOSED: {},
}

export interface Line {
  readonly sku: string
  readonly quantity: number
}

export type MovementKind = 'OPENING' | 'RECEIVE' | 'ADJUST' | 'RESERVE' | 'TAKE' | 'RELEASE'

/** One change of a sku's three figures. */
export interface Movement {
  readonly sku: string
  readonly kind: MovementKind
  readonly onHand: number
  readonly reserved: number
  readonly sold: number
  readonly orderId: string | null
  readonly reason: string | null
  readonly actorId: string | null
  readonly externalId: string | null
  /** ISO 8601; null: now. */
  readonly at: string | null
}

/** What an order does with a line of its reservation. */
export function movementOf(
  kind: 'RESERVE' | 'TAKE' | 'RELEASE',
  orderId: string,
  { sku, quantity }: Line,
): Movement {
  const changes = {
    RESERVE: { onHand: -quantity, reserved: quantity, sold: 0 },
    TAKE: { onHand: 0, reserved: -quantity, sold: quantity },
    RELEASE: { onHand: quantity, reserved: -quantity, sold: 0 },
  }[kind]
  return { sku, kind, ...changes, orderId, reason: null, actorId: null, externalId: null, at: null }
}

/** Goods that come or go without an order: from outside, or a correction after counting. */
export function stockChange(
  sku: string,
  quantity: number,
  more: Partial<Pick<Movement, 'kind' | 'reason' | 'actorId' | 'externalId' | 'at'>>,
): Movement {
  return {
    sku,
    kind: quantity > 0 ? 'RECEIVE' : 'ADJUST',
    onHand: quantity,
    reserved: 0,
    sold: 0,
    orderId: null,
    reason: null,
    actorId: null,
    externalId: null,
    at: null,
    ...more,
  }
}

/** Each sku once, in their order: an order may name one in several lines. */
export function mergeLines(lines: readonly Line[]): readonly Line[] {
  const bySku = new Map<string, number>()
  for (const { sku, quantity } of lines) bySku.set(sku, (bySku.get(sku) ?? 0) + quantity)
  return [...bySku]
    .map(([sku, quantity]) => ({ sku, quantity }))
    .toSorted((one, other) => (one.sku < other.sku ? -1 : 1))
}
