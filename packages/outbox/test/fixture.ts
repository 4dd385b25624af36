import { uuidv7 } from '@millrace/core'
import { testDatabase } from '@millrace/embedded/testing'
import type { EventEnvelope } from '@millrace/events'
import { openDatabase, type Database } from '@millrace/postgres'
import { createOutbox, type Outbox, type OutboxOptions } from '@millrace/outbox'

export interface OutboxFixture extends AsyncDisposable {
  readonly url: string
  readonly database: Database
  readonly outbox: Outbox
  /** Another pool and outbox on the same database, as a second process has. */
  second(options?: Partial<OutboxOptions>): { readonly database: Database; readonly outbox: Outbox }
}

/** An installed outbox in a database of its own. */
export async function outboxFixture(options: Partial<OutboxOptions> = {}): Promise<OutboxFixture> {
  const test = await testDatabase()
  const opened: Database[] = []
  const open = (more: Partial<OutboxOptions> = {}) => {
    const applicationName = `outbox-test-${opened.length}`
    const database = openDatabase({ url: test.url, applicationName })
    opened.push(database)
    const outbox = createOutbox({ serviceName: 'tests', ...options, ...more, database })
    return { database, outbox }
  }
  const { database, outbox } = open()
  await outbox.migrate()
  return {
    url: test.url,
    database,
    outbox,
    second: open,
    [Symbol.asyncDispose]: async () => {
      await Promise.all(opened.map((each) => each.close()))
      await test[Symbol.asyncDispose]()
    },
  }
}

export const topic = 'tests.events'

/** A valid event of an aggregate. */
export function testEvent(
  aggregateId = 'a-1',
  aggregateVersion: number | null = null,
  fields: Partial<EventEnvelope> = {},
): EventEnvelope {
  return {
    eventId: uuidv7(),
    eventType: 'thing_happened',
    version: 1,
    timestamp: new Date().toISOString(),
    correlationId: uuidv7(),
    causationId: null,
    source: 'tests',
    aggregateType: 'thing',
    aggregateId,
    aggregateVersion,
    metadata: {},
    data: { text: 'something happened' },
    ...fields,
  }
}

/** One transaction with one event per id, keyed by it. */
export async function publishAll(
  outbox: Outbox,
  events: readonly EventEnvelope[],
): Promise<readonly string[]> {
  await outbox.transaction(async (tx) => {
    for (const event of events) tx.publish(event, { topic, key: event.aggregateId })
  })
  return events.map((event) => event.eventId)
}
