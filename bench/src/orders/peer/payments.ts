/**
 * The peer's payments: reserves the total of an order when it is asked, one transaction, and takes or gives it back when it is told, one statement. The
 * tables are those of our service. It remembers no request: one that is repeated after a broken connection fails.
 */
import { OrderIdSchema } from '@millrace/contracts'
import { openDatabase } from '@millrace/postgres'
import { defineService, runService } from '@millrace/runtime'
import { Type } from 'typebox'
import { databaseConfig } from './peer-config.ts'
import { Answer, FinishBody } from './saga-calls.ts'

const lockAccount = {
  name: 'lock_account',
  text: 'select balance_mills::float8 as balance from account where customer_id = $1::text for no key update',
}

const reserve = {
  name: 'reserve',
  text: `
    with reservation as (
      insert into payment_reservation (order_id, customer_id, total_mills, state, answer)
      values ($1::bigint, $2::text, $3::bigint, 'RESERVED', 'ACCEPT')
    ), moved as (
      update account
      set balance_mills = balance_mills - $3::bigint, reserved_mills = reserved_mills + $3::bigint, updated_at = clock_timestamp()
      where customer_id = $2::text
    )
    insert into account_movement (customer_id, kind, balance_change, reserved_change, spent_change, order_id)
    values ($2::text, 'RESERVE', -$3::bigint, $3::bigint, 0, $1::bigint)`,
}

const refuse = {
  name: 'refuse',
  text: `
    insert into payment_reservation (order_id, customer_id, total_mills, state, answer, reason)
    values ($1::bigint, $2::text, $3::bigint, 'REFUSED', 'REJECT', 'too little money')`,
}

const finish = {
  name: 'finish',
  text: `
    with ended as (
      update payment_reservation
      set state = case when $2::boolean then 'CAPTURED' else 'RELEASED' end, decided_at = clock_timestamp()
      where order_id = $1::bigint and state = 'RESERVED'
      returning customer_id, total_mills, case when $2::boolean then total_mills else 0 end as spent
    ), moved as (
      update account a
      set reserved_mills = a.reserved_mills - e.total_mills, spent_mills = a.spent_mills + e.spent,
        balance_mills = a.balance_mills + e.total_mills - e.spent, updated_at = clock_timestamp()
      from ended e
      where a.customer_id = e.customer_id
    )
    insert into account_movement (customer_id, kind, balance_change, reserved_change, spent_change, order_id)
    select customer_id, case when $2::boolean then 'CAPTURE' else 'RELEASE' end, total_mills - spent, -total_mills, spent, $1::bigint
    from ended`,
}

const ReserveBody = Type.Object({
  orderId: OrderIdSchema,
  customerId: Type.String(),
  totalMills: Type.Integer({ minimum: 0 }),
})

const service = defineService({
  name: 'peer-payments',
  version: '0.1.0',
  description: 'Balances of customers, asked by HTTP.',
  port: 0,
  config: databaseConfig,
  setup({ app, config, addReadiness, onClose }) {
    const { databaseUrl: url, maxConnections } = config
    const database = openDatabase({ url, applicationName: 'peer-payments', maxConnections })
    onClose(() => database.close())
    addReadiness('database', async () => (await database.query('select 1')).rowCount === 1)
    const anybody = { isPublic: true }
    app.post(
      '/reserve',
      { config: anybody, schema: { body: ReserveBody, response: { 200: Answer } } },
      ({ body: { orderId, customerId, totalMills } }) =>
        database.transaction(async (tx) => {
          const { rows } = await tx.query<{ balance: number }>(lockAccount, [customerId])
          const isEnough = (rows[0]?.balance ?? 0) >= totalMills
          tx.queryLast(isEnough ? reserve : refuse, [orderId, customerId, totalMills])
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
