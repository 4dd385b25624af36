import { OrderIdSchema, OrderSchema, type Order } from '@millrace/contracts'
import { callerWithRole, ProblemError, ProblemSchema, type ServiceApp } from '@millrace/runtime'
import {
  int64Serde,
  jsonSerde,
  StreamsError,
  type QueryableKeyValueStore,
  type ValueAndTimestamp,
} from '@millrace/streams'
import { Type, type Static } from 'typebox'
import { ordersStore } from '../topology/saga-topology.ts'
import type { SagaApp } from '../saga-app.ts'

/** Most orders of one page. */
const maxPageSize = 500
const maxId = 2n ** 63n - 1n

const TableRowSchema = Type.Object({
  ...OrderSchema.properties,
  updatedAt: Type.String({ description: 'When it came to this status, ISO 8601 in UTC' }),
})

const TableSchema = Type.Object({
  items: Type.Array(TableRowSchema, { description: 'By id, ascending' }),
  nextAfter: Type.Union([Type.String(), Type.Null()], {
    description: 'To be given as `after` for the orders behind these; null where there are none',
  }),
})

const QuerySchema = Type.Object(
  {
    page: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 1_000_000_000,
        description: 'From 0: orders whose ids are from page × size + 1 to page × size + size',
      }),
    ),
    size: Type.Integer({ minimum: 1, maximum: maxPageSize, default: 20 }),
    after: Type.Optional(
      Type.String({
        pattern: '^(0|[1-9][0-9]{0,17})$',
        description: 'The `size` orders behind this id, in place of `page`',
      }),
    ),
  },
  { additionalProperties: false },
)

type Table = QueryableKeyValueStore<bigint, ValueAndTimestamp<Order>>
type TableRow = Static<typeof TableRowSchema>

/** Where a page begins, and where it ends by number; undefined: by count. */
interface PageBounds {
  readonly from: bigint
  readonly to: bigint | undefined
  readonly size: number
}

/** Orders as the stream app has them: whichever instance is asked answers for all of them. */
export function registerOrdersTable(
  app: ServiceApp,
  {
    saga,
    timeoutMs,
    isForStaff,
  }: {
    readonly saga: SagaApp
    readonly timeoutMs: number
    /** Everybody's orders are not everybody's business: in production mode. */
    readonly isForStaff: boolean
  },
): void {
  const table = (): Table => {
    const running = saga.app
    if (!running) throw notReady('the stream app has not reached the broker yet')
    return running.store(ordersStore, {
      type: 'timestampedKeyValue',
      key: int64Serde,
      value: jsonSerde<Order>(),
      scope: 'application',
      // What was shown once is not undone by a crash.
      isolation: 'committed',
      timeoutMs,
    })
  }
  app.get(
    '/api/orders/table',
    {
      schema: {
        summary: 'Orders by id, from the table of the stream app',
        description:
          'The latest of each order on the topic `orders`, read from whichever instances have it. A page holds the orders whose ids are in its range, so one with gaps is shorter; with `after` pages are full. Without `page` and `after`: from the first order.',
        querystring: QuerySchema,
        response: {
          200: TableSchema,
          400: ProblemSchema,
          401: ProblemSchema,
          403: ProblemSchema,
          503: ProblemSchema,
        },
      },
    },
    async (request) => {
      if (isForStaff) callerWithRole(request, 'staff', 'admin')
      const { page, size, after } = request.query
      if (page !== undefined && after !== undefined) throw bothGiven()
      return answered(() => readPage(table(), boundsOf(page, size, after)))
    },
  )
  app.get(
    '/api/orders/table/:orderId',
    {
      schema: {
        summary: 'One order, from the table of the stream app',
        description: 'The latest of it on the topic `orders`, from whichever instance has it.',
        params: Type.Object({ orderId: OrderIdSchema }),
        response: {
          200: TableRowSchema,
          400: ProblemSchema,
          401: ProblemSchema,
          403: ProblemSchema,
          404: ProblemSchema,
          503: ProblemSchema,
        },
      },
    },
    async (request) => {
      if (isForStaff) callerWithRole(request, 'staff', 'admin')
      const { orderId } = request.params
      const id = BigInt(orderId)
      // What the pattern lets pass and no key of the store can be.
      if (id > maxId) throw unknownOrder(orderId)
      const found = await answered(() => table().get(id))
      if (!found) throw unknownOrder(orderId)
      return rowOf(found)
    },
  )
}

function boundsOf(page: number | undefined, size: number, after: string | undefined): PageBounds {
  if (page === undefined) return { from: BigInt(after ?? 0) + 1n, to: undefined, size }
  const start = BigInt(page) * BigInt(size)
  return { from: start + 1n, to: start + BigInt(size), size }
}

async function readPage(
  table: Table,
  { from, to, size }: PageBounds,
): Promise<Static<typeof TableSchema>> {
  const items: TableRow[] = []
  let last = from - 1n
  const walk = table.range(from, maxId, { isSorted: true, pageRows: size + 1 })
  for await (const [id, found] of walk) {
    if (items.length === size || (to !== undefined && id > to))
      return { items, nextAfter: String(to ?? last) }
    items.push(rowOf(found))
    last = id
  }
  return { items, nextAfter: null }
}

function rowOf({ value, timestamp }: ValueAndTimestamp<Order>): TableRow {
  return { ...value, items: [...value.items], updatedAt: new Date(timestamp).toISOString() }
}

/** Gives what the stream app says of its stores in the words of HTTP. */
export async function answered<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (error) {
    if (error instanceof StreamsError && (error.retryable || error.code === 'MR_STREAMS_CLOSED'))
      throw notReady(error.message, error)
    throw error
  }
}

export function notReady(why: string, cause?: Error): ProblemError {
  return new ProblemError(
    503,
    'MR_ORDER_SAGA_NOT_READY',
    `The table of orders cannot be read just now: ${why} Orders are taken all the same; ask again in a moment.`,
    { headers: { 'retry-after': '1' }, cause },
  )
}

function unknownOrder(orderId: string): ProblemError {
  return new ProblemError(
    404,
    'MR_ORDER_SAGA_UNKNOWN_ORDER',
    `The table has no order ${orderId}. One that was just placed is here with the next commit; orders of an import as history never are.`,
  )
}

function bothGiven(): ProblemError {
  return new ProblemError(
    400,
    'MR_HTTP_VALIDATION',
    'The query parameters of the request do not fit: give `page` or `after`, not both. Nothing was changed.',
    { errors: [{ field: 'after', reason: 'must not be given with page', in: 'query' }] },
  )
}
