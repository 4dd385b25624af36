import assert from 'node:assert/strict'
import { test } from 'node:test'
import { uuidLowerBound, uuidv7 } from '@millrace/core'
import type { Database, Statement } from '@millrace/postgres'
import { openFixture } from '../test/fixture.ts'
import { LogPartitions } from './partitions.ts'
import { claimDue } from './sql/due-events.ts'
import { statementsOf } from './statements.ts'

const dayMs = 86_400_000
const days = 10
const rowsPerDay = 2_000
const waitingPerDay = 50

function textOf(statement: Statement): string {
  return typeof statement === 'string' ? statement : statement.text
}

/** Days of handled events with a few among them that wait: heads with a time, others parked behind. */
async function seed(database: Database): Promise<void> {
  const todayMs = Math.floor(Date.now() / dayMs) * dayMs
  const starts = Array.from({ length: days }, (_, index) => todayMs - index * dayMs)
  const ids = starts.map((start) => uuidLowerBound(start + 5).replace('-0000-', '-7000-'))
  await new LogPartitions(database, 'public').ensure(ids.map((logId) => ({ logId })))
  for (const start of starts)
    await database.query(
      `insert into event_consumption_data (event_id, consumer_group, service_name, topic, partition_number,
         "offset", event_type, event_key, status, attempts, max_retries, received_at, next_retry_at, payload)
       select
         (lpad(to_hex($1::bigint + i), 12, '0') || '7abc8abc0123456789ab')::uuid, 'ledger', 'bank', 'accounts', 0,
         $1::bigint / 1000 + i, 'deposit_made', 'k' || (i % 500),
         case when i > $3 then 'PROCESSED' when i % 5 = 0 then 'RECEIVED' else 'PARKED' end,
         1, 2, now(),
         case when i <= $3 and i % 5 = 0 then now() - interval '1 minute' + i * interval '1 second' end,
         repeat('x', 300)
       from generate_series(1, $2) as i`,
      [start, rowsPerDay, waitingPerDay],
    )
}

test('plans: what is due, and what waits of a key, comes from the small indexes alone, in generic plans as well', async () => {
  await using fixture = await openFixture()
  const { database } = fixture
  await seed(database)
  await database.query('analyze event_consumption_data')
  const { due, blockedKeys } = statementsOf('public')
  const rows = [
    {
      name: 'claim what is due',
      text: textOf(due.claim),
      types: 'text, text[], integer, text, float8, boolean',
      values: `'ledger', array['accounts'], 2, 'me', 1000, true`,
    },
    {
      name: 'until the next is due',
      text: textOf(due.untilNext),
      types: 'text, text[]',
      values: `'ledger', array['accounts']`,
    },
    {
      name: 'next of a key',
      text: textOf(due.claimNextOfKey),
      types: 'text, text, text, text, float8',
      values: `'ledger', 'accounts', 'k7', 'me', 1000`,
    },
    {
      name: 'what waits behind',
      text: textOf(due.waitingBehind),
      types: 'text, text, text, bigint, integer',
      values: `'ledger', 'accounts', 'k7', 0, 100`,
    },
    {
      name: 'let a key go',
      text: textOf(blockedKeys.letGo),
      types: 'text, text, text',
      values: `'ledger', 'accounts', 'k7'`,
    },
    {
      name: 'lock one',
      text: textOf(due.lock),
      types: 'uuid, text, text, smallint',
      values: `'${uuidv7()}', 'ledger', 'me', 1`,
    },
  ]
  for (const row of rows)
    for (const mode of ['force_custom_plan', 'force_generic_plan']) {
      const plan = await database
        .transaction(async (tx) => {
          await tx.query(`set local plan_cache_mode to ${mode}`)
          await tx.query(`prepare checked (${row.types}) as ${row.text}`)
          const explained = await tx.query<{ 'QUERY PLAN': string }>(
            `explain (analyze, costs off, timing off, summary off) execute checked (${row.values})`,
          )
          await tx.query('deallocate checked')
          const text = explained.rows.map((line) => line['QUERY PLAN']).join('\n')
          // Nothing is to be changed by looking at the plan.
          throw Object.assign(new Error('rolled back'), { text })
        })
        .catch((error: unknown) => (error as { readonly text?: string }).text ?? String(error))
      const scans = [...plan.matchAll(/Seq Scan on event_consumption_data_\d+[^\n]*/g)].filter(
        ([line]) => !line.includes('never executed'),
      )
      assert.equal(scans.length, 0, `${row.name}, ${mode}\n${plan}`)
      assert.match(plan, /Index/, `${row.name}, ${mode}\n${plan}`)
      const removed = [...plan.matchAll(/Rows Removed by (?:Filter|Join Filter): (\d+)/g)]
      const wasted = removed.reduce((sum, [, count]) => sum + Number(count), 0)
      assert.ok(wasted <= days * waitingPerDay, `${row.name}, ${mode}: ${wasted}\n${plan}`)
    }
})

test('claim: the longest due first, of each key only its first', async () => {
  await using fixture = await openFixture()
  const { database } = fixture
  await seed(database)
  const claim = { owner: 'me', leaseMs: 60_000, groupId: 'ledger', topics: ['accounts'] }
  const statements = statementsOf('public').due
  const first = await claimDue(database, statements, { ...claim, limit: 5, isOrdered: true })
  const rest = await claimDue(database, statements, { ...claim, limit: 1_000, isOrdered: true })
  // Ten days have ten heads of each of ten keys: only the oldest day's are the first of theirs.
  assert.deepEqual([first.length, rest.length], [5, 5])
  assert.deepEqual(
    new Set(first.map((each) => each.eventKey)),
    new Set(['k5', 'k10', 'k15', 'k20', 'k25']),
  )
  const all = [...first, ...rest]
  assert.equal(new Set(all.map((each) => each.eventKey)).size, 10)
  assert.ok(all.every((each) => each.attempts === 2 && each.status === 'PROCESSING'))
  const none = await claimDue(database, statements, { ...claim, limit: 5, isOrdered: true })
  assert.equal(none.length, 0)
  const others = await claimDue(database, statements, { ...claim, limit: 1_000, isOrdered: false })
  assert.equal(others.length, 90)
  const elsewhere = await claimDue(database, statements, {
    ...claim,
    topics: ['other'],
    limit: 5,
    isOrdered: true,
  })
  assert.equal(elsewhere.length, 0)
})
