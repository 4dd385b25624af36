import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { createDayLog, type Database } from '@millrace/postgres'
import { briefPlan, Explainer, isDataPartition } from '../test/explainer.ts'
import { packedReceipts } from '../test/packed-receipts.ts'
import { outboxFixture, type OutboxFixture } from '../test/fixture.ts'
import { checkFilter, type ProductionFilter } from './log-filter.ts'
import { countWindow } from './sql/count-log.ts'
import { hasFewUndone, readLoggedEvents, searchWindow, sourceOf } from './sql/search-log.ts'
import { sqlNames } from './sql-names.ts'

const names = sqlNames('outbox')
const days = 20
const scanRows = 1_000
const limit = 51
const correlationId = '01900000-0000-7000-8000-0000000000c1'

/** As the production log sets it for the transaction. */
const settings = `set local enable_seqscan = off; set local jit = off`

/** So many rows, evenly over the days: one of 20 refused, the newest 40 pending, all others published. */
async function fill(database: Database, rows: number): Promise<void> {
  const log = createDayLog({
    database,
    schema: 'outbox',
    tables: [
      { name: 'event_production_data', idColumn: 'event_id' },
      { name: 'event_delivery_chunk', idColumn: 'day_id' },
    ],
    holds: async () => null,
  })
  for (let age = 0; age < days; age++)
    await log.ensureDay(new Date(Date.now() - age * 86_400_000).toISOString().slice(0, 10))
  const insert = (from: number, to: number): Promise<unknown> =>
    database.query(
      `insert into outbox.event_production_data (event_id, slot, schema_version, max_retries, occurred_at, correlation_id,
         service_name, topic, event_key, event_type, aggregate_type, aggregate_id, payload)
       select rpad(lpad(to_hex(($3::bigint - ($4::bigint * $2) + $4::bigint * n)), 12, '0') || '7000' || '8' || lpad(to_hex(n), 7, '0'), 32, '0')::uuid,
         n % 16, 1, 5, now(), case when n % ($2 / 10) = 7 then $5::uuid else gen_random_uuid() end, 'service-' || n % 3, 'topic-' || n % 50,
         case when n % 4 = 0 then 'key-' || n % 5000 else 'agg-' || n % 5000 end, 'type-' || n % 7, 'thing', 'agg-' || n % 5000,
         '{"n":' || n || ',"text":"' || repeat('x', 300) || '"}'
       from generate_series($1::int, $6::int) n`,
      [from, rows, Date.now(), Math.floor(((days - 1) * 86_400_000) / rows), correlationId, to],
    )
  const published = rows - 40
  for (let from = 1; from <= published; from += 100_000)
    await insert(from, Math.min(published, from + 99_999))
  await database.query(
    `insert into outbox.event_production_issue (event_id, slot, status, retry_count, error_code, error_message, blocked_by)
     select event_id, slot, case when id % 40 = 0 then 'FAILED' else 'PARKED' end, 1, 'MR_KAFKA_RECORD_REFUSED', 'too large', event_id
     from outbox.event_production_data
     where id % 20 = 0`,
  )
  await database.query(
    packedReceipts('(select * from outbox.event_production_data where id % 20 <> 0)', 128),
  )
  await database.query('update outbox.relay_lane set prev = pg_current_snapshot()')
  await insert(published + 1, rows)
}

/**
 * Plans of every search: never a sequential scan of a data partition, and what an index serves reads about a page of rows, whatever the size
 * of the table. With MILLRACE_WRITE_PLANS=1 the plans at a million rows are written to ../plans/.
 */
export function searchPlansContract(rows: number, isAnalyzed: boolean): void {
  describe(`plans of searches with ${rows.toLocaleString('en')} rows${isAnalyzed ? ', analyzed' : ''}`, () => {
    let fixture: OutboxFixture
    before(async () => {
      fixture = await outboxFixture()
      if (rows > 0) await fill(fixture.database, rows)
      if (isAnalyzed) await fixture.database.query('vacuum analyze')
    })
    after(() => fixture[Symbol.asyncDispose]())

    /** Checks the plans kept, and that at most so many rows of data were read. */
    const check = (explainer: Explainer, name: string, mostRows: number): void => {
      const scans = explainer.scans.filter(({ table }) => isDataPartition(table))
      for (const { node, table } of scans) assert.match(node, /Index|Bitmap/, `${node} on ${table}`)
      const read = scans
        .filter(
          ({ node, table }) => table.includes('production_data') && !/Bitmap Index/.test(node),
        )
        .reduce((sum, scan) => sum + scan.rows, 0)
      assert.ok(read <= mostRows, `${read} rows were read, ${mostRows} are enough`)
      if (rows < 1_000_000 || !process.env['MILLRACE_WRITE_PLANS']) return
      const directory = new URL('../plans/', import.meta.url)
      mkdirSync(directory, { recursive: true })
      const plan = briefPlan(explainer.texts.at(-1) ?? '')
      writeFileSync(
        new URL(`${name.replaceAll(/[^\w]+/g, '-')}.txt`, directory),
        `-- ${name}, ${rows.toLocaleString('en')} rows over ${days} days: ${read} rows of data read.\n${plan}\n`,
      )
    }

    const window = Math.max(limit, 1)
    const now = new Date()
    const hourAgo = new Date(now.getTime() - 3_600_000)
    const weekAgo = new Date(now.getTime() - 7 * 86_400_000)
    const searches: readonly {
      readonly name: string
      readonly filter: ProductionFilter
      /** Rows a look takes; more than a page where the condition is tested row by row. */
      readonly look?: number
      readonly mostRows: number
    }[] = [
      { name: 'status and created: failed', filter: { status: ['FAILED'] }, mostRows: 4 * window },
      {
        name: 'status and created: failed a week ago',
        filter: { status: ['FAILED', 'PARKED'], to: weekAgo },
        mostRows: 8 * window,
      },
      {
        name: 'status and created: pending',
        filter: { status: ['PENDING', 'PUBLISHING'] },
        mostRows: 8 * window,
      },
      {
        name: 'status and created: published',
        filter: { status: ['PUBLISHED'] },
        look: scanRows,
        mostRows: 2 * scanRows,
      },
      { name: 'topic and created', filter: { topic: 'topic-7' }, mostRows: window },
      {
        name: 'topic and created: a week ago',
        filter: { topic: 'topic-7', to: weekAgo },
        mostRows: window,
      },
      { name: 'correlation', filter: { correlationId }, mostRows: window },
      {
        name: 'service and status: failed',
        filter: { service: 'service-1', status: ['FAILED'] },
        look: scanRows,
        mostRows: 4 * scanRows,
      },
      {
        name: 'service and status: pending',
        filter: { service: 'service-1', status: ['PENDING'] },
        look: scanRows,
        mostRows: 8 * window,
      },
      {
        name: 'event id',
        filter: { eventId: '01900000-0000-7000-8000-000000000001' },
        mostRows: 1,
      },
      { name: 'aggregate', filter: { aggregateId: 'agg-77' }, mostRows: window },
      { name: 'key', filter: { key: 'key-88' }, mostRows: 2 * window },
      // The planner may sort an aggregate's rows of a day.
      { name: 'key that is an aggregate', filter: { key: 'agg-77' }, mostRows: 5 * window },
      {
        name: 'type',
        filter: { eventType: 'type-3' },
        look: scanRows,
        mostRows: scanRows,
      },
      { name: 'time', filter: { from: hourAgo, to: now }, mostRows: window },
      { name: 'newest', filter: {}, mostRows: window },
      { name: 'text', filter: { text: 'needle' }, look: scanRows, mostRows: scanRows },
      {
        name: 'text of a correlation',
        filter: { text: 'xxx', correlationId },
        look: scanRows,
        mostRows: scanRows,
      },
    ]
    for (const { name, filter, look, mostRows } of searches)
      test(`search by ${name}`, async () => {
        const explainer = new Explainer(fixture.database, settings)
        const checked = checkFilter(filter)
        const source = sourceOf(checked, true)
        await searchWindow(names)(explainer, checked, {
          source,
          idCeiling: checked.idCeiling,
          scanRows: look ?? limit,
          limit,
        })
        check(explainer, `search by ${name}`, mostRows)
      })

    test('rows of a page are looked up by their ids', async () => {
      const explainer = new Explainer(fixture.database, settings)
      const found = await fixture.outbox.listEvents({ limit: 50 })
      await readLoggedEvents(names)(
        explainer,
        found.map((event) => event.eventId),
      )
      check(explainer, 'rows of a page', 50)
    })

    test('whether few are unpublished is asked of the index', async () => {
      const explainer = new Explainer(fixture.database, settings)
      await hasFewUndone(names)(explainer)
      check(explainer, 'few unpublished', 200)
    })

    test('counts read as many rows as they are allowed to', async () => {
      const explainer = new Explainer(fixture.database, settings)
      const { idFloor, idCeiling } = checkFilter({})
      await countWindow(names)(explainer, idFloor, idCeiling, 500)
      check(explainer, 'counts', 500)
    })
  })
}
