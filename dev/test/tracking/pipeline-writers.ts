import { randomInt, seededRandom, uuidv7, type Random } from '@millrace/core'
import { createEvent } from '@millrace/events'
import { createOutbox, type Outbox } from '@millrace/outbox'
import { openDatabase, type Database } from '@millrace/postgres'
import { stepTaken, topic } from './pipeline-contract.ts'

const writerCount = 8
const keyCount = 1_000
const maxEventsPerTransaction = 20

/**
 * Writers that keep their own record: what was acknowledged to them, and, in a table of theirs within the same transactions, what
 * was committed though the answer never came.
 */
export class PipelineWriters implements AsyncDisposable {
  /** Acknowledged event ids. */
  readonly acknowledged = new Set<string>()
  readonly #database: Database
  readonly #outbox: Outbox
  readonly #stopping = new AbortController()
  #writing: readonly Promise<void>[] = []

  constructor(url: string) {
    this.#database = openDatabase({
      url,
      applicationName: 'pipeline-writers',
      maxConnections: writerCount + 4,
    })
    this.#outbox = createOutbox({ database: this.#database, serviceName: 'pipeline' })
  }

  async install(): Promise<void> {
    await this.#outbox.migrate()
    await this.#database.query('create table thing (key text primary key, version int not null)')
    await this.#database.query(
      'create table committed_step (event_id uuid primary key, key text not null, version int not null)',
    )
  }

  start(seed: number): void {
    this.#writing = Array.from({ length: writerCount }, (_, n) =>
      this.#write(seededRandom(seed + n)),
    )
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await Promise.all(this.#writing)
  }

  /** By key, in order of version. */
  async committed(): Promise<ReadonlyMap<string, readonly string[]>> {
    const { rows } = await this.#database.query<{ readonly key: string; readonly ids: string[] }>(
      'select key, array_agg(event_id::text order by version) as ids from committed_step group by key',
    )
    return new Map(rows.map(({ key, ids }) => [key, ids]))
  }

  /** The relay's lanes, for people. */
  async lanes(): Promise<readonly object[]> {
    return (await this.#database.query<object>('select * from outbox.relay_lane order by lane'))
      .rows
  }

  async pending(): Promise<number> {
    return (await this.#outbox.stats()).pending
  }

  async published(): Promise<number> {
    return Number((await this.#outbox.stats()).publishedTotal)
  }

  async #write(random: Random): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      try {
        const ids = await this.#transaction(random)
        for (const id of ids) this.acknowledged.add(id)
      } catch {
        // The server is being killed; whether this one was committed stands in the table.
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
    }
  }

  #transaction(random: Random): Promise<readonly string[]> {
    const key = `k${randomInt(random, keyCount)}`
    const count = 1 + randomInt(random, maxEventsPerTransaction)
    const transactionId = uuidv7()
    return this.#outbox.transaction(async (tx) => {
      const { rows } = await tx.query<{ readonly version: number }>(
        'insert into thing values ($1, $2) on conflict (key) do update set version = thing.version + $2 returning version',
        [key, count],
      )
      const last = rows[0]?.version ?? 0
      const events = Array.from({ length: count }, (_, n) =>
        createEvent({
          contract: stepTaken,
          source: 'pipeline',
          aggregateId: key,
          aggregateVersion: last - count + 1 + n,
          data: transactionId,
          context: { correlationId: transactionId, causationId: null },
        }),
      )
      for (const event of events) tx.publish(event, { topic, key })
      await tx.query(
        'insert into committed_step select * from unnest($1::uuid[], $2::text[], $3::int[])',
        [
          events.map((event) => event.eventId),
          events.map(() => key),
          events.map((event) => event.aggregateVersion),
        ],
      )
      return events.map((event) => event.eventId)
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
    await this.#database.close()
  }
}
