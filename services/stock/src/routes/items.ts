import { answerOnce, ProblemError } from '@millrace/runtime'
import type { Static } from 'typebox'
import { stockProblem } from '../errors.ts'
import { findItem, type ItemRow } from '../sql/find-item.ts'
import { findReservation } from '../sql/find-reservation.ts'
import { listItems } from '../sql/list-items.ts'
import { listMovements } from '../sql/list-movements.ts'
import { moveStock } from '../stock.ts'
import { basePath, type RouteContext } from './context.ts'
import {
  ItemPage,
  ItemSchema,
  ListQuery,
  MovedSchema,
  MovementBody,
  MovementPage,
  MovementsQuery,
  ReservationQuery,
  ReservationsSchema,
  SkuParams,
} from './schemas.ts'

const tags = ['stock']

export function registerItems(context: RouteContext): void {
  const { app, database, managerOf } = context
  app.get(
    basePath,
    {
      schema: {
        tags,
        summary: 'Figures of all skus, in their order',
        querystring: ListQuery,
        response: { 200: ItemPage },
      },
    },
    async (request) => {
      const { cursor, limit } = request.query
      const rows = await listItems(database, cursor === undefined ? '' : skuOf(cursor), limit + 1)
      const page = rows.slice(0, limit)
      const last = rows.length > limit ? page.at(-1) : undefined
      return { items: page.map(itemToWire), nextCursor: last ? cursorOf(last.sku) : null }
    },
  )

  app.get(
    `${basePath}/:sku`,
    {
      schema: {
        tags,
        summary: 'Figures of one sku',
        params: SkuParams,
        response: { 200: ItemSchema },
      },
    },
    async (request) => itemToWire(await knownItem(context, request.params.sku)),
  )

  app.get(
    `${basePath}/reservations`,
    {
      schema: {
        tags,
        summary: 'What stock has of an order; for staff',
        querystring: ReservationQuery,
        response: { 200: ReservationsSchema },
      },
    },
    async (request) => {
      // Orders are known here by number alone, so whose they are cannot be checked.
      managerOf(request)
      const row = await findReservation(database, request.query.orderId)
      if (!row) return { items: [] }
      const { reservedAt, decidedAt, lines, ...rest } = row
      return {
        items: [
          {
            ...rest,
            lines: [...lines],
            reservedAt: reservedAt.toISOString(),
            decidedAt: decidedAt?.toISOString() ?? null,
          },
        ],
      }
    },
  )
  registerMovements(context)
}

function registerMovements(context: RouteContext): void {
  const { app, database, outbox, keys, managerOf } = context
  const path = `${basePath}/:sku/movements`
  app.get(
    path,
    {
      schema: {
        tags,
        summary: 'What moved of one sku, newest first; for staff',
        params: SkuParams,
        querystring: MovementsQuery,
        response: { 200: MovementPage },
      },
    },
    async (request) => {
      managerOf(request)
      const { sku } = request.params
      const { before = null, limit } = request.query
      await knownItem(context, sku)
      const rows = await listMovements(database, sku, before, limit + 1)
      const page = rows.slice(0, limit)
      const last = rows.length > limit ? page.at(-1) : undefined
      return {
        items: page.map((row) => ({ ...row, id: String(row.id), at: row.at.toISOString() })),
        nextBefore: last ? String(last.id) : null,
      }
    },
  )

  app.post(
    path,
    {
      schema: {
        tags,
        summary: 'Take goods in, or correct what is on hand',
        params: SkuParams,
        body: MovementBody,
        response: { 201: MovedSchema },
      },
    },
    async (request, reply) => {
      const move = { ...request.params, ...request.body, actorId: managerOf(request) }
      return answerOnce(request, reply, {
        outbox,
        keys,
        act: async (tx) => {
          const movementId = String(await moveStock(tx, move))
          const item = await findItem(tx, move.sku)
          if (!item) throw new Error('An item that this transaction holds locked is not there')
          return { status: 201, body: { movementId, item: itemToWire(item) } }
        },
      })
    },
  )
}

/** @throws ProblemError 404 */
async function knownItem({ database }: RouteContext, sku: string): Promise<ItemRow> {
  const item = await findItem(database, sku)
  if (item) return item
  throw stockProblem('MR_STOCK_SKU_NOT_FOUND', `Stock never had "${sku}".`)
}

function itemToWire(row: ItemRow): Static<typeof ItemSchema> {
  return { ...row, updatedAt: row.updatedAt.toISOString() }
}

function cursorOf(sku: string): string {
  return Buffer.from(sku).toString('base64url')
}

/** @throws ProblemError 400 for what `cursorOf` cannot have made */
function skuOf(cursor: string): string {
  const sku = Buffer.from(cursor, 'base64url').toString('utf8')
  if (sku !== '' && sku.length <= 50 && !sku.includes('\0') && cursorOf(sku) === cursor) return sku
  const reason = 'is not a nextCursor of this list'
  throw new ProblemError(
    400,
    'MR_HTTP_VALIDATION',
    `The query of the request does not fit: cursor ${reason}.`,
    { errors: [{ field: 'cursor', reason, in: 'query' }] },
  )
}
