import { uuidv7 } from '@millrace/core'
import { eventually } from '@millrace/core/testing'
import { testDatabase } from '@millrace/embedded/testing'
import { ContractRegistry, createEvent, defineEvent, type EventEnvelope } from '@millrace/events'
import { openDatabase, type Database } from '@millrace/postgres'
import { Type } from 'typebox'
import { createInbox } from '../src/inbox.ts'
import type {
  BatchHandler,
  ConsumeOptions,
  Inbox,
  InboxConsumer,
  InboxOptions,
} from '../src/types.ts'
import { MemoryKafka } from './memory-kafka.ts'

export const depositMade = defineEvent({
  eventType: 'deposit_made',
  aggregateType: 'account',
  topic: 'accounts',
  version: 1,
  description: 'Money came in.',
  data: Type.Object({ account: Type.String(), amount: Type.Integer() }),
})

export const contracts = new ContractRegistry([depositMade])

export function deposit(
  amount: number,
  options: { account?: string; eventId?: string; correlationId?: string } = {},
): EventEnvelope {
  const account = options.account ?? 'a1'
  return createEvent({
    contract: depositMade,
    source: 'test',
    aggregateId: account,
    aggregateVersion: null,
    data: { account, amount },
    context: { correlationId: options.correlationId ?? uuidv7(), causationId: null },
    ...(options.eventId !== undefined && { eventId: options.eventId }),
  })
}

/** Adds the amounts up in `balance` and keeps one `effect` row per event, which a second effect would double. */
export const book: BatchHandler = async (events, { tx }) => {
  const rows = events.map(({ event }) => ({
    id: event.eventId,
    ...(event.data as { account: string; amount: number }),
  }))
  await tx.query(
    `insert into effect (event_id, account, amount)
     select e.event_id, e.account, e.amount
     from unnest($1::uuid[], $2::text[], $3::integer[]) as e (event_id, account, amount)`,
    [rows.map((row) => row.id), rows.map((row) => row.account), rows.map((row) => row.amount)],
  )
}

export interface Fixture extends AsyncDisposable {
  readonly kafka: MemoryKafka
  readonly database: Database
  readonly url: string
  readonly inbox: Inbox
  /** Starts a consumer with fast waits; closed with the fixture. */
  consume(options?: Partial<ConsumeOptions>): InboxConsumer
  send(event: EventEnvelope | Buffer | null, partition?: number, key?: string | null): bigint
  effects(): Promise<readonly { readonly event_id: string; readonly count: number }[]>
  statusOf(eventId: string): Promise<string | undefined>
}

/** A database with the inbox's tables and the handler's, a broker in memory with the topic `accounts`. */
export async function openFixture(
  options: Partial<InboxOptions> & {
    readonly wrap?: (database: Database) => Database
    /** A database of the test's own, instead of a fresh one. */
    readonly url?: string
  } = {},
): Promise<Fixture> {
  const server =
    options.url === undefined
      ? await testDatabase()
      : { url: options.url, [Symbol.asyncDispose]: () => Promise.resolve() }
  const database = openDatabase({ url: server.url, applicationName: 'inbox-test' })
  const inbox = createInbox({
    serviceName: 'bank',
    groupId: 'ledger',
    contracts,
    schema: 'public',
    ...options,
    database: options.wrap?.(database) ?? database,
  })
  await inbox.migrate()
  await database.query(
    'create table if not exists effect (event_id uuid not null, account text not null, amount integer not null)',
  )
  const kafka = new MemoryKafka()
  kafka.createTopic('accounts', 2)
  const consumers: InboxConsumer[] = []
  return {
    kafka,
    database,
    url: server.url,
    inbox,
    consume: (more = {}) => {
      const consumer = inbox.consume({
        kafka: { brokers: ['memory'], clientId: 'test' },
        client: kafka,
        topics: ['accounts'],
        handler: book,
        retryBackoff: { baseMs: 5, maxMs: 20 },
        lagIntervalMs: 20,
        duePollMs: 20,
        drainTimeoutMs: 2_000,
        ...more,
      })
      consumer.start()
      consumers.push(consumer)
      return consumer
    },
    send: (event, partition = 0, key = 'a1') =>
      kafka.append('accounts', {
        key,
        value: event === null || Buffer.isBuffer(event) ? event : JSON.stringify(event),
        partition,
      }),
    effects: async () =>
      (
        await database.query<{ event_id: string; count: number }>(
          'select event_id::text, count(*)::integer as count from effect group by event_id order by event_id',
        )
      ).rows,
    statusOf: async (eventId) => (await inbox.findEvent(eventId))?.status,
    [Symbol.asyncDispose]: async () => {
      await Promise.all(consumers.map((consumer) => consumer.close()))
      await database.close()
      await server[Symbol.asyncDispose]()
    },
  }
}

/** Until the consumer has dealt with `count` records, whatever became of them. */
export async function dealtWith(consumer: InboxConsumer, count: number): Promise<void> {
  await eventually(`${count} records dealt with`, () => {
    const { processed, duplicatesSkipped, skipped, failed } = consumer.stats()
    return processed + duplicatesSkipped + skipped + failed >= count
  })
}
