import { demoAssortment } from '@millrace/contracts'
import type { Queryable } from '@millrace/postgres'
import { stockChange, type Movement } from './domain/reservation.ts'
import { stockProblem } from './errors.ts'
import { bookMovements } from './sql/book-movements.ts'
import { beginImport } from './sql/import-lines.ts'
import { lockItems } from './sql/lock-items.ts'

/*
 * Goods that come and go without an order. Figures stay whole numbers below 2^53, as JSON and the table hold them.
 */

const maxFigure = Number.MAX_SAFE_INTEGER

/** @returns the movement's id. @throws ProblemError 404, 409 */
export async function moveStock(
  tx: Queryable,
  move: {
    readonly sku: string
    readonly quantity: number
    readonly reason: string
    readonly actorId: string
  },
): Promise<bigint> {
  const { sku, quantity, reason, actorId } = move
  const items = await lockItems(tx, [sku], quantity > 0 ? [sku] : [])
  const onHand = items.get(sku)
  if (onHand === undefined)
    throw stockProblem(
      'MR_STOCK_SKU_NOT_FOUND',
      `Stock never had "${sku}", so nothing can be taken off. Nothing was changed.`,
    )
  if (onHand + quantity < 0)
    throw stockProblem(
      'MR_STOCK_NOT_ENOUGH',
      `Only ${onHand} of "${sku}" are on hand, so ${-quantity} cannot be taken off; what is reserved belongs to orders. Nothing was changed.`,
    )
  if (onHand + quantity > maxFigure)
    throw stockProblem('MR_STOCK_TOO_MUCH', `More than ${maxFigure} of "${sku}" cannot be counted.`)
  const [id] = await bookMovements(tx, [stockChange(sku, quantity, { reason, actorId })])
  if (id === undefined) throw new Error('A movement was booked and has no id')
  return id
}

export interface ImportLine {
  readonly id: string
  readonly sku: string
  /** Above 0: receipt. Below: adjustment. */
  readonly quantity: number
  readonly reason: string | null
  /** ISO 8601. */
  readonly at: string
}

/**
 * Books lines of a file in their order, each once whatever is sent again. A file that takes off what was never there does not tell the
 * opening stock: what is missing is booked before it as a movement of its own, OPENING.
 * @returns ids of the lines that were booked
 */
export async function importMovements(
  tx: Queryable,
  lines: readonly ImportLine[],
): Promise<ReadonlySet<string>> {
  const known = await beginImport(
    tx,
    lines.map(({ id }) => id),
  )
  const fresh = new Map<string, ImportLine>()
  for (const line of lines) if (!known.has(line.id) && !fresh.has(line.id)) fresh.set(line.id, line)
  const skus = [...new Set([...fresh.values()].map(({ sku }) => sku))]
  const onHand = new Map(await lockItems(tx, skus, skus))
  const movements: Movement[] = []
  for (const { id, sku, quantity, reason, at } of fresh.values()) {
    const there = onHand.get(sku) ?? 0
    const missing = Math.max(0, -(there + quantity))
    if (missing > 0)
      movements.push(
        stockChange(sku, missing, { kind: 'OPENING', reason: 'not told by the import', at }),
      )
    movements.push(stockChange(sku, quantity, { reason, externalId: id, at }))
    onHand.set(sku, there + missing + quantity)
  }
  await bookMovements(tx, movements)
  return new Set(fresh.keys())
}

/** What development has on hand at its first start; the same skus stand in the catalog. */
export async function seedDemo(tx: Queryable): Promise<void> {
  await importMovements(
    tx,
    demoAssortment
      .filter(({ onHand }) => onHand > 0)
      .map(({ sku, onHand }) => ({
        id: `demo:${sku}`,
        sku,
        quantity: onHand,
        reason: 'first stock of the demo',
        at: new Date().toISOString(),
      })),
  )
}
