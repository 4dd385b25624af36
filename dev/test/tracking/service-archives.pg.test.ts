import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { catalogService } from '@millrace/catalog'
import { derivedUuid, silentLogger, uuidLowerBound } from '@millrace/core'
import { eventually } from '@millrace/core/testing'
import { testDatabase } from '@millrace/embedded/testing'
import { ContractRegistry } from '@millrace/events'
import { createInbox, type Inbox } from '@millrace/inbox'
import { ordersService } from '@millrace/orders'
import { createOutbox, type Outbox } from '@millrace/outbox'
import { paymentsService } from '@millrace/payments'
import { openDatabase, type Database } from '@millrace/postgres'
import { startService, type ServiceDefinition } from '@millrace/runtime'
import { stockService } from '@millrace/stock'
import { trackingService } from '@millrace/tracking'
import { usersService } from '@millrace/users'

const dayMs = 86_400_000
/** Beyond the hot days of both kinds of logs, 14 and 30. */
const oldMs = Date.now() - 40 * dayMs
const oldDay = new Date(oldMs).toISOString().slice(0, 10)

const schema = 'public'

/** An event of the old day, published. */
async function produceOld(database: Database, outbox: Outbox, prefix: string): Promise<string> {
  const eventId = derivedUuid(oldMs, 'old', 'production')
  await outbox.transaction(async (tx) => {
    tx.publish(
      {
        eventId,
        eventType: 'thing_happened',
        version: 1,
        timestamp: new Date(oldMs).toISOString(),
        correlationId: eventId,
        causationId: null,
        source: 'tests',
        aggregateType: 'thing',
        aggregateId: 'a',
        aggregateVersion: null,
        metadata: {},
        data: {},
      },
      { topic: 't', key: null },
    )
  })
  await database.query(
    `insert into ${prefix}.event_delivery_chunk (day_id, last_id, first_id, batch_no, published_at, relative_ids, offsets, partition_numbers)
     select ${prefix}.event_day(event_id), id, id, 1, now(), '{0}', '{0}', '{0}' from ${prefix}.event_production_data where event_id = $1`,
    [eventId],
  )
  return eventId
}

/** An event of the old day, handled. */
async function consumeOld(database: Database): Promise<string> {
  const eventId = derivedUuid(oldMs, 'old', 'consumption')
  const startMs = Date.parse(oldDay)
  await database.query(
    `create table ${schema}.event_consumption_data_${oldDay.replaceAll('-', '')} partition of ${schema}.event_consumption_data
     for values from ('${uuidLowerBound(startMs)}') to ('${uuidLowerBound(startMs + dayMs)}')`,
  )
  await database.query(
    `insert into ${schema}.event_consumption_data (event_id, consumer_group, service_name, topic, partition_number, "offset", event_type,
       status, attempts, max_retries, received_at, processed_at)
     values ($1, 'tests', 'tests', 't', 0, 0, 'thing_happened', 'PROCESSED', 1, 3, now(), now())`,
    [eventId],
  )
  return eventId
}

interface Archived {
  readonly what: string
  /** Goes to a file, and is there again once its day is restored. */
  readonly log: Pick<Outbox | Inbox, 'archivedDays'>
  readonly isThere: () => Promise<boolean>
  readonly restore: () => Promise<boolean>
}

const services: readonly {
  readonly service: ServiceDefinition
  /** Schema of its production log. */
  readonly schema?: string
  readonly consumes?: boolean
  readonly hasReadDatabase?: boolean
  readonly env?: Readonly<Record<string, string>>
}[] = [
  { service: usersService },
  { service: catalogService },
  { service: ordersService, consumes: true, hasReadDatabase: true },
  { service: paymentsService, consumes: true },
  { service: stockService, consumes: true },
  {
    service: trackingService,
    schema: 'outbox',
    env: { TRACKING_DATABASES: 'nobody=postgres://127.0.0.1:1/nobody' },
  },
]

for (const {
  service: definition,
  schema: home = schema,
  consumes,
  hasReadDatabase,
  env,
} of services)
  test(`${definition.name}: with a directory given, old days of each of its logs go to files by themselves, and come back`, async () => {
    const directory = await mkdtemp(join(tmpdir(), 'millrace-service-archive-'))
    await using server = await testDatabase()
    await using readServer = await testDatabase()
    try {
      await using database = openDatabase({ url: server.url, applicationName: 'test' })
      await using readDatabase = openDatabase({ url: readServer.url, applicationName: 'test' })
      const contracts = new ContractRegistry([])
      const outbox = createOutbox({ database, serviceName: 'tests', schema: home })
      await outbox.migrate()
      const produced = await produceOld(database, outbox, home)
      const archived: Archived[] = [
        {
          what: 'production',
          log: outbox,
          isThere: async () => (await outbox.findEvent(produced)) !== undefined,
          restore: () => outbox.restore(oldDay),
        },
      ]
      for (const on of [
        ...(consumes ? [database] : []),
        ...(hasReadDatabase ? [readDatabase] : []),
      ]) {
        const inbox = createInbox({
          database: on,
          serviceName: 'tests',
          groupId: 'tests',
          contracts,
          schema,
        })
        await inbox.migrate()
        const consumed = await consumeOld(on)
        archived.push({
          what: `consumption ${archived.length}`,
          log: inbox,
          isThere: async () => (await inbox.findEvent(consumed)) !== undefined,
          restore: () => inbox.restoreDay(oldDay),
        })
      }
      await using running = await startService(definition, {
        env: {
          PORT: '0',
          DATABASE_URL: server.url,
          KAFKA_ENABLED: 'false',
          ARCHIVE_DIRECTORY: directory,
          ...(hasReadDatabase && { READ_DATABASE_URL: readServer.url }),
          ...env,
        },
        logger: silentLogger,
      })
      await running.ready
      for (const { what, log, isThere, restore } of archived) {
        await eventually(`${what} is archived`, async () =>
          (await log.archivedDays()).some(
            (each) => each.day === oldDay && each.state === 'ARCHIVED',
          ),
        )
        assert.equal(await isThere(), false, what)
        assert.equal(await restore(), true, what)
        assert.equal(await isThere(), true, what)
      }
      assert.ok((await readdir(directory)).length > 0)
    } finally {
      await rm(directory, { recursive: true, force: true })
    }
  })
