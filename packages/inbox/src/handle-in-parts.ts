import type { Clock } from '@millrace/core'
import { inSavepoint, type Transaction } from '@millrace/postgres'
import type { Delivery } from './delivery.ts'
import type { RefusedDelivery } from './sort-deliveries.ts'
import type { SetAside } from './sql/set-aside.ts'

/** So many savepoints that fail in one transaction are enough: Postgres keeps 64 of a transaction at hand. */
const maxRefused = 50
/** Nor is a transaction held open for longer by failures that take their time, ms. */
const maxMs = 10_000

export interface PartsHandler {
  /** Handles these together. @returns how long the handler took, ms */
  readonly call: (tx: Transaction, deliveries: readonly Delivery[]) => Promise<number>
  /** Whether the handler's error is one delivery's, which waits for its next attempt then; undefined leaves it to the transaction. */
  readonly refuse: (error: unknown, deliveries: readonly Delivery[]) => RefusedDelivery | undefined
  /** Later events of a key wait for an earlier one that waits. */
  readonly isOrdered: boolean
  readonly clock: Clock
}

export interface HandledParts {
  /** In order. */
  readonly handled: readonly Delivery[]
  readonly refused: readonly RefusedDelivery[]
  /** Later ones of a refused one's key. */
  readonly parked: readonly SetAside[]
  readonly handlerMs: number
}

/**
 * Handles deliveries of which some may fail, in one transaction: a failure that is blamed on one undoes its part of the transaction alone; what stands
 * before it is handled once more without it, and then what stands behind.
 * @throws the handler's error where it is not one delivery's, and where there were too many or they took too long
 */
export async function handleInParts(
  tx: Transaction,
  deliveries: readonly Delivery[],
  { call, refuse, isOrdered, clock }: PartsHandler,
): Promise<HandledParts> {
  const handled: Delivery[] = []
  const refused: RefusedDelivery[] = []
  const parked: SetAside[] = []
  let handlerMs = 0
  const endMs = clock.monotonicMs() + maxMs
  for (let rest = deliveries; rest.length > 0;) {
    const part = rest
    rest = []
    let whole = part
    try {
      handlerMs += await inSavepoint(tx, (scope) => call(scope, part))
    } catch (error) {
      const isEnough = refused.length >= maxRefused || clock.monotonicMs() > endMs
      const blamed = isEnough ? undefined : refuse(error, part)
      if (!blamed) throw error
      refused.push(blamed)
      const at = part.indexOf(blamed)
      whole = part.slice(0, at)
      if (whole.length > 0) handlerMs += await call(tx, whole)
      const waits = (each: Delivery): boolean =>
        isOrdered && each.key !== null && each.key === blamed.key && each.kind === 'event'
      const behind = part.slice(at + 1)
      for (const delivery of behind.filter(waits)) parked.push({ delivery, status: 'PARKED' })
      rest = behind.filter((each) => !waits(each))
    }
    handled.push(...whole)
  }
  return { handled, refused, parked, handlerMs }
}
