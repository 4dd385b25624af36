import { Consumer, stringDeserializers } from '@platformatic/kafka'
import { Pool } from 'pg'
import { serveChild } from '../child.ts'
import { refusedCourse } from '../inbox/handle-job.ts'

/**
 * The consuming side as the requirement describes it: one event, one transaction; ask whether it was processed, apply, save its id. What
 * fails is noted, and it goes on.
 */
const pool = new Pool({ connectionString: process.env['DATABASE_URL'], max: 4 })

interface NaiveEvent {
  readonly eventId: string
  readonly payload: { readonly threadId: string; readonly courseId: string }
}

async function processEvent(event: NaiveEvent): Promise<void> {
  const client = await pool.connect()
  try {
    await client.query('begin')
    const known = await client.query('select 1 from event_processed where event_id = $1', [
      event.eventId,
    ])
    if (known.rowCount === 0) {
      if (event.payload.courseId === refusedCourse) throw new Error('refused')
      const found = await client.query('select * from thread_aggregate where thread_id = $1', [
        event.payload.threadId,
      ])
      if (found.rowCount === 0)
        await client.query('insert into thread_aggregate (thread_id, course_id) values ($1, $2)', [
          event.payload.threadId,
          event.payload.courseId,
        ])
      else
        await client.query(
          'update thread_aggregate set view_count = view_count + 1, updated_at = now() where thread_id = $1',
          [event.payload.threadId],
        )
      await client.query('insert into event_processed (event_id) values ($1)', [event.eventId])
    }
    await client.query('commit')
  } catch (error) {
    await client.query('rollback')
    await client.query(
      'insert into event_failed (event_id, error) values ($1, $2) on conflict do nothing',
      [event.eventId, String(error)],
    )
  } finally {
    client.release()
  }
}

let consumer: Consumer<string, string, string, string> | undefined

async function consume(): Promise<void> {
  consumer = new Consumer({
    clientId: 'naive',
    groupId: 'naive-analytics',
    bootstrapBrokers: (process.env['KAFKA_BROKERS'] ?? '').split(','),
    deserializers: stringDeserializers,
  })
  const stream = await consumer.consume({
    topics: ['discussion.events'],
    autocommit: 1_000,
    mode: 'committed',
    fallbackMode: 'earliest',
    maxWaitTime: 100,
  })
  for await (const message of stream)
    await processEvent(JSON.parse(message.value ?? '') as NaiveEvent)
}

serveChild(
  {
    start: () => {
      consume().catch((error: unknown) => {
        console.error(error)
        process.exit(1)
      })
      return Promise.resolve()
    },
  },
  async () => {
    await consumer?.close(true)
  },
)
