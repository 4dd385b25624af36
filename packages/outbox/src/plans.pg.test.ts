import assert from 'node:assert/strict'
import { before, after, describe, test } from 'node:test'
import { uuidv7 } from '@millrace/core'
import type { Database } from '@millrace/postgres'
import { Explainer, isDataPartition, type PlanNode } from '../test/explainer.ts'
import { packedReceipts } from '../test/packed-receipts.ts'
import { outboxFixture, publishAll, testEvent, topic, type OutboxFixture } from '../test/fixture.ts'
import { openTransaction } from '../test/open-transaction.ts'
import { sqlNames } from './sql-names.ts'
import { createStatements } from './statements.ts'

// Plans of the statements that run often or over history: never a sequential scan of a data partition, and for a given event id only
// its own partition. In a table that was never analyzed and is empty, and in one with 1,000 rows, before and after ANALYZE.

for (const state of ['empty', '1,000 rows', '1,000 rows, analyzed'] as const) {
  describe(`plans with ${state}`, () => {
    let fixture: OutboxFixture
    const sql = createStatements(sqlNames('outbox'))
    before(async () => {
      fixture = await outboxFixture()
      if (state === 'empty') return
      for (let batch = 0; batch < 10; batch++)
        await publishAll(
          fixture.outbox,
          Array.from({ length: 100 }, (_, index) => testEvent(`k-${index}`, batch + 1)),
        )
      await fixture.database.query(packedReceipts('outbox.event_production_data', 1))
      if (state === '1,000 rows, analyzed') await fixture.database.query('analyze')
    })
    after(() => fixture[Symbol.asyncDispose]())

    const assertIndexed = (explainer: Explainer): void => {
      assert.ok(explainer.scans.length > 0)
      for (const { node, table } of explainer.scans)
        if (isDataPartition(table)) assert.match(node, /Index|Bitmap/, `${node} on ${table}`)
    }

    test('the relay finds a set by its index', async () => {
      // As readTick sets it for the transaction.
      const explainer = new Explainer(
        fixture.database,
        'set local enable_seqscan = off; set local plan_cache_mode = force_generic_plan',
      )
      const now = await snapshotOf(fixture.database)
      const bounds = { prev: now, target: now, slots: allSlots, afterId: 0n }
      await sql.readSet(explainer, bounds, 2_000)
      assertIndexed(explainer)
      assert.ok(explainer.scans.some(({ table }) => isDataPartition(table)))
    })

    test('the figures look at pending rows by index', async () => {
      const explainer = new Explainer(fixture.database, 'set local enable_seqscan = off')
      const database = { transaction: (work: (tx: Explainer) => unknown) => work(explainer) }
      await assert.rejects(sql.readStats(database as unknown as Database), TypeError)
      assertIndexed(explainer)
    })

    test('one event is looked up in its own partitions alone', async () => {
      const explainer = new Explainer(fixture.database)
      const [event] = await fixture.outbox.listEvents()
      await sql.findEvents(explainer, { eventId: event?.eventId ?? uuidv7(), limit: 1 })
      const day = new Date().toISOString().slice(0, 10).replaceAll('-', '')
      const tables = new Set(explainer.scans.map(({ table }) => table).filter(isDataPartition))
      const expected = [`event_delivery_chunk_${day}`, `event_production_data_${day}`]
      assert.deepEqual([...tables].toSorted(), event ? expected : expected.slice(1))
      if (state === '1,000 rows, analyzed') assertIndexed(explainer)
    })

    const lists = [
      { name: 'a correlation', filter: { correlationId: uuidv7() } },
      { name: 'an aggregate', filter: { aggregateId: 'k-1' } },
      { name: 'a page of an aggregate', filter: { aggregateId: 'k-1', before: uuidv7() } },
      { name: 'a topic', filter: { topic: 'tests.events' } },
      { name: 'the newest', filter: {} },
    ]
    for (const { name, filter } of lists) {
      test(`events of ${name} come by an index`, async () => {
        // A thousand rows are read faster than an index; the question is whether there is one that fits.
        const explainer = new Explainer(fixture.database, 'set local enable_seqscan = off')
        await sql.findEvents(explainer, filter)
        assertIndexed(explainer)
        const sorted = explainer.plans
          .flatMap(flatten)
          .filter((node) => node['Node Type'] === 'Sort')
        if (name === 'a topic' || name === 'the newest')
          assert.equal(sorted.length, 0, 'the order comes from the index, so a page reads a page')
      })
    }
  })
}

test('of a huge set a window is read, not the rest, though a transaction that began first wrote last', async () => {
  await using fixture = await outboxFixture()
  const { outbox, database } = fixture
  const prev = await snapshotOf(database)
  const early = await openTransaction(outbox)
  await early.tx.query('create table other (id int)')
  const [batches, batchSize, windowRecords, pageRecords] = [40, 100, 100, 10]
  const sql = createStatements(sqlNames('outbox'))
  for (let batch = 0; batch < batches; batch++)
    await publishAll(
      outbox,
      Array.from({ length: batchSize }, (_, index) => testEvent(`k-${index}`, batch + 1)),
    )
  for (let index = 0; index < windowRecords / 5; index++)
    early.tx.publish(testEvent(`k-${index}`, batches + 1), { topic, key: `k-${index}` })
  await early.commit()
  const bounds = { prev, target: await snapshotOf(database), slots: allSlots }
  const { rows } = await database.query<{ id: bigint }>(
    'select id from outbox.event_production_data order by id',
  )
  for (const done of [0, 1, 2_000]) {
    const afterId = rows[done - 1]?.id ?? 0n
    const explainer = new Explainer(database, 'set local enable_seqscan = off; set local jit = off')
    const from = { ...bounds, afterId }
    await sql.listSetPages(asDatabase(explainer), from, windowRecords, pageRecords)
    // One and a quarter to find the bound, and the window itself.
    assert.equal(rowsRead(explainer), 2.25 * windowRecords, `pages after ${done}`)
    const [page] = await sql.listSetPages(database, from, windowRecords, pageRecords)
    assert.ok(page)
    const reading = new Explainer(database, 'set local enable_seqscan = off; set local jit = off')
    await sql.readSetPage(asDatabase(reading), from, page)
    assert.equal(rowsRead(reading), pageRecords, `first page after ${done}`)
  }
})

const allSlots = Array.from({ length: 16 }, (_, slot) => slot)

/** Takes what is asked in a transaction for statements to explain. */
function asDatabase(explainer: Explainer): Database {
  const transaction = (work: (tx: Explainer) => unknown): unknown => work(explainer)
  return { transaction } as unknown as Database
}

function rowsRead(explainer: Explainer): number {
  return explainer.scans
    .filter(({ table }) => isDataPartition(table))
    .reduce((sum, scan) => sum + scan.rows, 0)
}

async function snapshotOf(database: Database): Promise<string> {
  const { rows } = await database.query<{ text: string }>(
    'select pg_current_snapshot()::text as text',
  )
  return rows[0]?.text ?? ''
}

function flatten(node: PlanNode): readonly PlanNode[] {
  return [node, ...(node.Plans ?? []).flatMap(flatten)]
}
