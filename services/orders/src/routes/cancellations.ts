import { ordersProblem } from '../errors.ts'
import { encodeCursor } from '../read-side/cursor.ts'
import { freshnessOf } from '../read-side/freshness.ts'
import { listCancellations } from '../read-side/sql/list-cancellations.ts'
import { basePath, type RouteContext } from './context.ts'
import { cursorAskedFor, customerAskedFor } from './list-scope.ts'
import { CancellationPage, CancellationsQuery } from './schemas.ts'
import { cancellationToWire } from './wire.ts'

/** Lists what imported invoices took back, by the read model. */
export function registerCancellations(context: RouteContext): void {
  const { app, readDatabase, tables, reader, mode, clock } = context
  app.get(
    `${basePath}/cancellations`,
    {
      schema: {
        tags: ['orders'],
        summary: 'Imported invoices that take others back, newest first: your own, for staff all',
        querystring: CancellationsQuery,
        response: { 200: CancellationPage },
      },
    },
    async (request) => {
      if (!tables.isMade) throw ordersProblem('MR_ORDERS_READ_MODEL_AWAY')
      const { limit } = request.query
      const customerId = customerAskedFor(mode, request, request.query)
      const after = cursorAskedFor(request.query)
      const [rows, freshness] = await Promise.all([
        listCancellations(readDatabase, { customerId, after, limit: limit + 1 }),
        freshnessOf(readDatabase, reader, clock),
      ])
      const page = rows.slice(0, limit)
      const last = rows.length > limit ? page.at(-1) : undefined
      return {
        items: page.map(cancellationToWire),
        nextCursor: last
          ? encodeCursor({
              createdAtMs: last.createdAt.getTime(),
              orderId: String(last.cancellationId),
            })
          : null,
        ...freshness,
      }
    },
  )
}
