import assert from 'node:assert/strict'
import { test } from 'node:test'
import { uuidLowerBound, uuidv7 } from '@millrace/core'
import { openFixture } from '../test/fixture.ts'
import { LogPartitions } from './partitions.ts'
import { listEventsStatement } from './sql/list-events.ts'
import { statementsOf } from './statements.ts'
import type { Statement } from '@millrace/postgres'

const dayMs = 86_400_000
const days = 10
const rowsPerDay = 2_000

function textOf(statement: Statement): string {
  return typeof statement === 'string' ? statement : statement.text
}

test('plans: the look-up of a batch touches its day alone, lists come from an index; also as generic plans', async () => {
  await using fixture = await openFixture()
  const { database } = fixture
  const todayMs = Math.floor(Date.now() / dayMs) * dayMs
  const starts = Array.from({ length: days }, (_, index) => todayMs - index * dayMs)
  const ids = starts.map((start) => uuidLowerBound(start + 5).replace('-0000-', '-7000-'))
  await new LogPartitions(database, 'public').ensure(ids.map((logId) => ({ logId })))
  for (const start of starts)
    await database.query(
      `insert into event_consumption_data (event_id, consumer_group, service_name, topic, partition_number,
         "offset", event_type, correlation_id, status, attempts, max_retries, received_at, payload)
       select
         (lpad(to_hex($1::bigint + i), 12, '0') || '7abc8abc0123456789ab')::uuid, 'ledger', 'bank', 'accounts', 0,
         i, 'deposit_made', gen_random_uuid(), 'PROCESSED', 1, 2, now(), repeat('x', 300)
       from generate_series(1, $2) as i`,
      [start, rowsPerDay],
    )
  await database.query('analyze event_consumption_data')
  const statements = statementsOf('public')
  const filter = { eventIds: null, correlationId: null, status: null, group: 'ledger', limit: 50 }
  const newest = listEventsStatement(statements.prepare, filter)
  const byCorrelation = { ...filter, correlationId: uuidv7() }
  const list = listEventsStatement(statements.prepare, byCorrelation)
  const first = uuidLowerBound(todayMs)
  const last = uuidLowerBound(todayMs + dayMs - 1)
  const rows = [
    {
      name: 'look-up of a batch',
      text: textOf(statements.findKnown),
      types: 'text, uuid[], uuid, uuid',
      values: `'ledger', array['${ids[0] ?? ''}']::uuid[], '${first}', '${last}'`,
    },
    {
      name: 'newest',
      text: textOf(newest),
      types: 'integer, uuid[], uuid, text, text',
      values: `50, null, null, null, 'ledger'`,
    },
    {
      name: 'by correlation',
      text: textOf(list),
      types: 'integer, uuid[], uuid, text, text',
      values: `50, null, '${uuidv7()}', null, 'ledger'`,
    },
  ]
  for (const row of rows)
    for (const mode of ['force_custom_plan', 'force_generic_plan']) {
      const plan = await database.transaction(async (tx) => {
        await tx.query(`set local plan_cache_mode to ${mode}`)
        await tx.query(`prepare checked (${row.types}) as ${row.text}`)
        const explained = await tx.query<{ 'QUERY PLAN': string }>(
          `explain (analyze, costs off, timing off, summary off) execute checked (${row.values})`,
        )
        await tx.query('deallocate checked')
        return explained.rows.map((line) => line['QUERY PLAN']).join('\n')
      })
      const touched = [...plan.matchAll(/on event_consumption_data_(\w+)[^\n]*\n?/g)].filter(
        ([line]) => !line.includes('never executed'),
      )
      // The undated partition is empty, so a scan of it is as good as its index.
      const scans = [...plan.matchAll(/Seq Scan on event_consumption_data_(\d+)/g)]
      assert.equal(scans.length, 0, `${row.name}, ${mode}\n${plan}`)
      if (row.name === 'look-up of a batch')
        assert.equal(touched.length, 1, `${row.name}, ${mode}\n${plan}`)
      if (row.name === 'newest') assert.ok(touched.length <= 2, `${row.name}, ${mode}\n${plan}`)
    }
})
