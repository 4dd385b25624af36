import { userOf } from '@millrace/runtime'
import { isTransientPostgresError } from '@millrace/postgres'
import { ordersProblem } from '../errors.ts'
import { encodeCursor } from '../read-side/cursor.ts'
import { freshnessOf, type Freshness } from '../read-side/freshness.ts'
import { listOrders, viewOrder, type DetailRow } from '../read-side/sql/list-orders.ts'
import { findOrder } from '../sql/find-order.ts'
import { basePath, knownOrderId, orderPath, type RouteContext } from './context.ts'
import { cursorAskedFor, customerAskedFor, isWide } from './list-scope.ts'
import { DetailQuery, ListQuery, OrderDetail, OrderPage, OrderParams } from './schemas.ts'
import { detailToWire, rowToWire, viewToWire, type WireDetail } from './wire.ts'

const unknownAge: Freshness = { asOf: null, ageMs: null }

/** Lists and shows orders, by the read model. */
export function registerRead(context: RouteContext): void {
  const { app, database, readDatabase, tables, reader, mode, clock, logger } = context
  const tags = ['orders']

  app.get(
    basePath,
    {
      schema: {
        tags,
        summary: 'Orders, newest first: your own, for staff those of all',
        querystring: ListQuery,
        response: { 200: OrderPage },
      },
    },
    async (request) => {
      if (!tables.isMade) throw ordersProblem('MR_ORDERS_READ_MODEL_AWAY')
      const { status = null, limit } = request.query
      const customerId = customerAskedFor(mode, request, request.query)
      const after = cursorAskedFor(request.query)
      const [rows, freshness] = await Promise.all([
        listOrders(readDatabase, { customerId, status, after, limit: limit + 1 }),
        freshnessOf(readDatabase, reader, clock),
      ])
      const page = rows.slice(0, limit)
      const last = rows.length > limit ? page.at(-1) : undefined
      return {
        items: page.map(viewToWire),
        nextCursor: last
          ? encodeCursor({ createdAtMs: last.createdAt.getTime(), orderId: String(last.orderId) })
          : null,
        ...freshness,
      }
    },
  )

  app.get(
    orderPath,
    {
      schema: {
        tags,
        summary: 'One order, with the answers of payments and stock',
        description: 'Shows a just placed order at once, from where it was written.',
        params: OrderParams,
        querystring: DetailQuery,
        response: { 200: OrderDetail },
      },
    },
    async (request) => {
      const userId = userOf(request)
      const orderId = knownOrderId(request.params.orderId)
      const detail = (await fromReadModel(orderId)) ?? (await fromWriteModel(orderId))
      const isWider = isWide(request) || (mode === 'development' && request.query.all)
      if (!detail || (detail.customerId !== userId && !isWider))
        throw ordersProblem('MR_ORDERS_NOT_FOUND')
      return detail
    },
  )

  async function fromReadModel(orderId: string): Promise<WireDetail | undefined> {
    if (!tables.isMade) return undefined
    try {
      const [row, freshness] = await Promise.all([
        viewOrder(readDatabase, orderId),
        freshnessOf(readDatabase, reader, clock),
      ])
      return row && isWhole(row) ? detailToWire(row, freshness) : undefined
    } catch (error) {
      // The write model knows as well; what only the read model has is missing then, and the answer says so.
      if (!isTransientPostgresError(error)) throw error
      logger.warn('The read model of orders did not answer; the write model does', { error })
      return undefined
    }
  }

  async function fromWriteModel(orderId: string): Promise<WireDetail | undefined> {
    const row = await findOrder(database, orderId)
    return row && rowToWire(row, unknownAge)
  }
}

/** An end that came before its beginning has no lines yet. */
function isWhole(row: DetailRow): boolean {
  return row.items.length > 0
}
