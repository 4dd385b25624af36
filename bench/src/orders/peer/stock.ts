/**
 * The peer's stock: reserves all lines of an order or none when it is asked, one transaction, and takes or gives them back when it is told, one
 * statement. The tables are those of our service, and rows are locked in the order of skus, so that orders do not wait for each other in a circle.
 */
import { OrderIdSchema, SkuSchema } from '@millrace/contracts'
import { openDatabase } from '@millrace/postgres'
import { defineService, runService } from '@millrace/runtime'
import { Type } from 'typebox'
import { databaseConfig } from './peer-config.ts'
import { Answer, FinishBody } from './saga-calls.ts'

const lockItems = {
  name: 'lock_items',
  text: `
    select sku, on_hand::float8 as "onHand"
    from stock_item
    where sku = any($1::text[])
    order by sku
    for no key update`,
}

const reserve = {
  name: 'reserve',
  text: `
    with reservation as (
      insert into stock_reservation (order_id, state) values ($1::bigint, 'RESERVED')
    ), line as (
      select sku, quantity from unnest($2::text[], $3::bigint[]) as l (sku, quantity)
    ), moved as (
      update stock_item i
      set on_hand = i.on_hand - l.quantity, reserved = i.reserved + l.quantity, updated_at = clock_timestamp()
      from line l
      where i.sku = l.sku
    )
    insert into stock_movement (sku, kind, on_hand_change, reserved_change, sold_change, order_id)
    select sku, 'RESERVE', -quantity, quantity, 0, $1::bigint from line`,
}

const refuse = {
  name: 'refuse',
  text: `insert into stock_reservation (order_id, state, reason) values ($1::bigint, 'REFUSED', 'too few goods')`,
}

const finish = {
  name: 'finish',
  text: `
    with ended as (
      update stock_reservation
      set state = case when $2::boolean then 'TAKEN' else 'RELEASED' end, decided_at = clock_timestamp()
      where order_id = $1::bigint and state = 'RESERVED'
      returning order_id
    ), line as (
      select m.sku, m.reserved_change as quantity, case when $2::boolean then m.reserved_change else 0 end as sold
      from stock_movement m
      join ended using (order_id)
      where m.kind = 'RESERVE'
    ), locked as (
      select i.sku
      from stock_item i
      join line using (sku)
      order by i.sku
      for no key update of i
    ), moved as (
      update stock_item i
      set reserved = i.reserved - l.quantity, sold = i.sold + l.sold, on_hand = i.on_hand + l.quantity - l.sold,
        updated_at = clock_timestamp()
      from line l
      join locked using (sku)
      where i.sku = l.sku
    )
    insert into stock_movement (sku, kind, on_hand_change, reserved_change, sold_change, order_id)
    select sku, case when $2::boolean then 'TAKE' else 'RELEASE' end, quantity - sold, -quantity, sold, $1::bigint
    from line`,
}

const ReserveBody = Type.Object({
  orderId: OrderIdSchema,
  lines: Type.Array(Type.Object({ sku: SkuSchema, quantity: Type.Integer({ minimum: 1 }) })),
})

const service = defineService({
  name: 'peer-stock',
  version: '0.1.0',
  description: 'Goods on hand, asked by HTTP.',
  port: 0,
  config: databaseConfig,
  setup({ app, config, addReadiness, onClose }) {
    const { databaseUrl: url, maxConnections } = config
    const database = openDatabase({ url, applicationName: 'peer-stock', maxConnections })
    onClose(() => database.close())
    addReadiness('database', async () => (await database.query('select 1')).rowCount === 1)
    const anybody = { isPublic: true }
    app.post(
      '/reserve',
      { config: anybody, schema: { body: ReserveBody, response: { 200: Answer } } },
      ({ body: { orderId, lines } }) =>
        database.transaction(async (tx) => {
          const skus = lines.map(({ sku }) => sku)
          const { rows } = await tx.query<{ sku: string; onHand: number }>(lockItems, [skus])
          const onHand = new Map(rows.map((row) => [row.sku, row.onHand]))
          const isEnough = lines.every(({ sku, quantity }) => (onHand.get(sku) ?? 0) >= quantity)
          if (isEnough)
            tx.queryLast(reserve, [orderId, skus, lines.map(({ quantity }) => quantity)])
          else tx.queryLast(refuse, [orderId])
          return { answer: isEnough ? ('ACCEPT' as const) : ('REJECT' as const) }
        }),
    )
    app.post(
      '/finish',
      { config: anybody, schema: { body: FinishBody } },
      async ({ body: { orderId, isConfirmed } }) => {
        await database.query(finish, [orderId, isConfirmed])
        return {}
      },
    )
  },
})

await runService(service)
