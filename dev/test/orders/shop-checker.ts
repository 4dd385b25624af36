/**
 * Checks a run of the shop against what was asked of it. Its truth is its own record of requests that were answered, and the topics; what the services say
 * of themselves is compared with that, never believed. Shares no code with the services, but the contracts' types.
 */
import type { Order, OrderAnswer, OrderSource } from '@millrace/contracts'

/** What whoever drove the shop was answered. */
export interface ShopRecord {
  /** Money put in, mills, by customer. */
  readonly deposits: ReadonlyMap<string, number>
  /** Goods taken in, by sku. */
  readonly receipts: ReadonlyMap<string, number>
  /** Orders answered 201, by id. */
  readonly orders: ReadonlyMap<string, AskedOrder>
  /** Orders whose cancel was asked for, whatever was answered. */
  readonly cancelsAsked: ReadonlySet<string>
}

export interface AskedOrder {
  readonly customerId: string
  readonly lines: readonly { readonly sku: string; readonly quantity: number }[]
  /** As the answer said, mills. */
  readonly totalMills: number
}

/** An event of a topic, in the order of its partition. */
export interface SeenEvent {
  readonly eventId: string
  readonly eventType: string
  readonly correlationId: string
  readonly aggregateId: string
  readonly data: unknown
  /** Of a verdict: what decided. */
  readonly metadata?: { readonly decidedBy?: string }
}

export interface ShopTopicsSeen {
  readonly orders: readonly SeenEvent[]
  readonly paymentOrders: readonly SeenEvent[]
  readonly stockOrders: readonly SeenEvent[]
  readonly orderEvents: readonly SeenEvent[]
}

/** Whether something is left of what was put in, and where. */
export interface AccountFigures {
  readonly balanceMills: number
  readonly reservedMills: number
  readonly spentMills: number
}

export interface StockFigures {
  readonly onHand: number
  readonly reserved: number
  readonly sold: number
}

/** What the services say in the end. */
export interface ShopFigures {
  readonly accounts: ReadonlyMap<string, AccountFigures>
  readonly stock: ReadonlyMap<string, StockFigures>
  /** Status and source of each order, as the read model has it. */
  readonly readModel: ReadonlyMap<string, Ending>
  /** The same of the stream app's table. */
  readonly table: ReadonlyMap<string, Ending>
}

export interface Ending {
  readonly status: Order['status']
  readonly source: OrderSource | null
}

/** What the record and the topics say became of each order, and what is wrong with that. */
export interface TopicFindings {
  readonly endings: ReadonlyMap<string, Ending>
  readonly faults: readonly string[]
}

const lifeEndOf: Readonly<Record<string, string>> = {
  CONFIRMED: 'ORDER_CONFIRMED',
  REJECTED: 'ORDER_REJECTED',
  ROLLBACK: 'ORDER_ROLLED_BACK',
  CUSTOMER: 'ORDER_CANCELLED',
}

/** Each order placed once, decided once, by what its answers say, and its life told whole and in order. */
export function checkTopics(record: ShopRecord, topics: ShopTopicsSeen): TopicFindings {
  const faults: string[] = []
  const endings = new Map<string, Ending>()
  const byOrder = {
    orders: distinctByOrder(topics.orders),
    payment: distinctByOrder(topics.paymentOrders),
    stock: distinctByOrder(topics.stockOrders),
    life: distinctByOrder(topics.orderEvents),
  }
  for (const [id, asked] of record.orders) {
    const seen = byOrder.orders.get(id) ?? []
    const placed = seen.filter(({ eventType }) => eventType === 'ORDER_PLACED')
    const decided = seen.filter(({ eventType }) => eventType === 'ORDER_DECIDED')
    if (placed.length !== 1) faults.push(`order ${id}: placed ${placed.length} times`)
    if (decided.length !== 1) faults.push(`order ${id}: decided ${decided.length} times`)
    const [verdict] = decided
    if (!verdict) continue
    const order = verdict.data as Order
    endings.set(id, { status: order.status, source: order.source })
    const answers = {
      payment: answerOf(byOrder.payment.get(id)),
      stock: answerOf(byOrder.stock.get(id)),
    }
    faults.push(
      ...[
        ...contentFaults(asked, order, placed[0], verdict),
        ...verdictFaults(order, answers, record.cancelsAsked.has(id)),
        ...lifeFaults(order, byOrder.life.get(id) ?? []),
      ].map((fault) => `order ${id}: ${fault}`),
    )
  }
  for (const id of byOrder.orders.keys())
    if (!record.orders.has(id)) faults.push(`order ${id}: on the topic, and nobody was told so`)
  return { endings, faults }
}

/** Money and goods are conserved: what is set aside is given back or taken, once, by how the orders ended. */
export function checkFigures(
  record: ShopRecord,
  endings: ReadonlyMap<string, Ending>,
  figures: ShopFigures,
): readonly string[] {
  const faults: string[] = []
  const spent = new Map<string, number>()
  const sold = new Map<string, number>()
  for (const [id, { customerId, lines, totalMills }] of record.orders) {
    if (endings.get(id)?.status !== 'CONFIRMED') continue
    add(spent, customerId, totalMills)
    for (const { sku, quantity } of lines) add(sold, sku, quantity)
  }
  for (const [customerId, putIn] of record.deposits) {
    const taken = spent.get(customerId) ?? 0
    const expected = { balanceMills: putIn - taken, reservedMills: 0, spentMills: taken }
    faults.push(
      ...differences(`customer ${customerId}`, expected, figures.accounts.get(customerId)),
    )
    if (taken > putIn) faults.push(`customer ${customerId}: spent ${taken} of ${putIn} mills`)
  }
  for (const [sku, received] of record.receipts) {
    const gone = sold.get(sku) ?? 0
    const expected = { onHand: received - gone, reserved: 0, sold: gone }
    faults.push(...differences(`sku ${sku}`, expected, figures.stock.get(sku)))
    if (gone > received) faults.push(`sku ${sku}: sold ${gone} of ${received}`)
  }
  for (const [name, view] of [
    ['the read model', figures.readModel],
    ['the table', figures.table],
  ] as const)
    for (const [id, ending] of endings)
      faults.push(...differences(`${name}, order ${id}`, ending, view.get(id)))
  return faults
}

/** Events may be delivered again; another event of the same kind is another word about the order. */
function distinctByOrder(events: readonly SeenEvent[]): ReadonlyMap<string, readonly SeenEvent[]> {
  const seen = new Set<string>()
  const fresh = events.filter(({ eventId }) => !seen.has(eventId) && seen.add(eventId))
  return Map.groupBy(fresh, ({ aggregateId }) => aggregateId)
}

function answerOf(events: readonly SeenEvent[] | undefined): OrderAnswer['status'][] {
  return (events ?? []).map(({ data }) => (data as OrderAnswer).status)
}

function contentFaults(
  asked: AskedOrder,
  order: Order,
  placed: SeenEvent | undefined,
  verdict: SeenEvent,
): readonly string[] {
  const faults: string[] = []
  if (order.customerId !== asked.customerId) faults.push(`decided for ${order.customerId}`)
  if (order.totalMills !== asked.totalMills)
    faults.push(`decided over ${order.totalMills} mills in place of ${asked.totalMills}`)
  const lines = order.items.map(({ sku, quantity }) => `${quantity} × ${sku}`).join(', ')
  const wanted = asked.lines.map(({ sku, quantity }) => `${quantity} × ${sku}`).join(', ')
  if (lines !== wanted) faults.push(`decided over ${lines} in place of ${wanted}`)
  if (placed && placed.correlationId !== verdict.correlationId)
    faults.push('its verdict is of another journey')
  return faults
}

function verdictFaults(
  { status, source }: Order,
  { payment, stock }: Readonly<Record<'payment' | 'stock', readonly string[]>>,
  isCancelAsked: boolean,
): readonly string[] {
  const said = `${status} ${source ?? ''}`.trim()
  const faults: string[] = []
  if (new Set(payment).size > 1) faults.push(`payments answered ${payment.join(' and ')}`)
  if (new Set(stock).size > 1) faults.push(`stock answered ${stock.join(' and ')}`)
  const allowed: Readonly<Record<string, boolean>> = {
    CONFIRMED: payment.includes('ACCEPT') && stock.includes('ACCEPT'),
    'REJECTED PAYMENT': payment.includes('REJECT') && stock.includes('REJECT'),
    'REJECTED INVENTORY': payment.includes('REJECT') && stock.includes('REJECT'),
    'ROLLBACK PAYMENT': payment.includes('REJECT'),
    'ROLLBACK INVENTORY': stock.includes('REJECT'),
    'ROLLBACK TIMEOUT': true,
    'ROLLBACK CUSTOMER': isCancelAsked,
  }
  if (allowed[said] !== true)
    faults.push(
      `${said}, while payments said ${payment.join() || 'nothing'} and stock ${stock.join() || 'nothing'}`,
    )
  return faults
}

function lifeFaults({ status, source }: Order, life: readonly SeenEvent[]): readonly string[] {
  const end = source === 'CUSTOMER' ? lifeEndOf[source] : lifeEndOf[status]
  const told = life.map(({ eventType }) => eventType).join(', ')
  return told === `ORDER_CREATED, ${end}` ? [] : [`${status}, and its life is told as: ${told}`]
}

function add(sums: Map<string, number>, key: string, count: number): void {
  sums.set(key, (sums.get(key) ?? 0) + count)
}

function differences<T extends object>(
  what: string,
  expected: T,
  actual: T | undefined,
): readonly string[] {
  if (!actual) return [`${what}: not there`]
  return Object.entries(expected).flatMap(([name, value]) => {
    const found: unknown = actual[name as keyof T]
    return found === value ? [] : [`${what}: ${name} is ${String(found)}, not ${String(value)}`]
  })
}
