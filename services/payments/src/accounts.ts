import type { Queryable } from '@millrace/postgres'
import { poundsOf } from './domain/money.ts'
import { depositOf, type Movement } from './domain/reservation.ts'
import { paymentsProblem } from './errors.ts'
import { bookMovements } from './sql/book-movements.ts'
import { beginImport } from './sql/import-lines.ts'
import { lockBatch } from './sql/lock-batch.ts'
import { openAccounts } from './sql/open-accounts.ts'

/*
 * Money that comes in without an order.
 */

/** Sums stay exact in JSON and in the tables. */
const maxMills = Number.MAX_SAFE_INTEGER

/** @returns the movement's id. @throws ProblemError 409 */
export async function deposit(
  tx: Queryable,
  wish: {
    readonly customerId: string
    readonly amountMills: number
    readonly reason: string | null
    readonly actorId: string
    readonly openingBalanceMills: number
  },
): Promise<bigint> {
  const { customerId, amountMills, reason, actorId, openingBalanceMills } = wish
  const [, { balances }] = await Promise.all([
    openAccounts(tx, [customerId], openingBalanceMills),
    lockBatch(tx, [], [customerId]),
  ])
  if ((balances.get(customerId) ?? 0) + amountMills > maxMills)
    throw paymentsProblem(
      'MR_PAYMENTS_TOO_MUCH',
      `More than ${poundsOf(maxMills)} cannot be kept in one account. Nothing was changed.`,
    )
  const [id] = await bookMovements(tx, [depositOf(customerId, amountMills, { reason, actorId })])
  if (id === undefined) throw new Error('A deposit was booked and has no id')
  return id
}

export interface ImportLine {
  readonly id: string
  readonly customerId: string
  readonly amountMills: number
  readonly reason: string | null
  /** ISO 8601. */
  readonly at: string
}

/**
 * Books deposits of a file, each once whatever is sent again. Accounts that an import opens begin with nothing but these.
 * @returns ids of the lines that were booked
 */
export async function importDeposits(
  tx: Queryable,
  lines: readonly ImportLine[],
): Promise<ReadonlySet<string>> {
  const known = await beginImport(
    tx,
    lines.map(({ id }) => id),
  )
  const fresh = new Map<string, ImportLine>()
  for (const line of lines) if (!known.has(line.id) && !fresh.has(line.id)) fresh.set(line.id, line)
  const customerIds = [...new Set([...fresh.values()].map(({ customerId }) => customerId))]
  await Promise.all([openAccounts(tx, customerIds, 0), lockBatch(tx, [], customerIds)])
  const movements: readonly Movement[] = [...fresh.values()].map(
    ({ id, customerId, amountMills, reason, at }) =>
      depositOf(customerId, amountMills, { externalId: id, reason, at }),
  )
  await bookMovements(tx, movements)
  return new Set(fresh.keys())
}
