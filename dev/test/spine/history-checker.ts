import assert from 'node:assert/strict'
import { createAdmin } from '@millrace/kafka'
import { eventually } from '@millrace/core/testing'
import { openDatabase, type Database } from '@millrace/postgres'
import { discussionEventsTopic } from '@millrace/contracts'
import { readToEnd } from '../read-to-end.ts'
import type { PlatformUnderTest } from './platform-under-test.ts'
import type { PromiseRecord, ThreadRecord } from './promise-record.ts'

interface ThreadState {
  readonly viewCount: number
  readonly authorId: string | null
  readonly upvotes: number
  readonly downvotes: number
  readonly comments: readonly {
    readonly id: string
    readonly authorId: string | null
    readonly content: string
    readonly isDeleted: boolean
    readonly upvotes: number
    readonly downvotes: number
  }[]
}

interface AggregateState {
  readonly viewCount: number
  readonly commentCount: number
  readonly upvotes: number
  readonly downvotes: number
  readonly participants: number
  readonly engagementScore: number
}

const quietTimeoutMs = 180_000

/**
 * Holds the platform to its answers: nothing acknowledged is lost, nothing takes effect twice, each thread's events keep their order,
 * and lag returns to zero. Throws with the first contradiction.
 */
export async function checkHistory(
  platform: PlatformUnderTest,
  record: PromiseRecord,
): Promise<void> {
  await untilQuiet(platform)
  for (const thread of record.threads.values()) await checkThread(platform, thread)
  await using discussions = openDatabase({
    url: databaseUrl(platform, 'discussions'),
    applicationName: 'checker',
  })
  await using analytics = openDatabase({
    url: databaseUrl(platform, 'discussion-analytics'),
    applicationName: 'checker',
  })
  await checkLogs(discussions, analytics, record)
  await checkTopicOrder(platform)
}

function databaseUrl(platform: PlatformUnderTest, service: string): string {
  return platform.state.databaseUrls[service] ?? ''
}

/** Outbox empty, and the analytics group at the end of every partition. */
export async function untilQuiet(platform: PlatformUnderTest): Promise<void> {
  await eventually(
    'nothing is pending in the outbox',
    async () => {
      const stats = (await getJson(`${platform.gatewayUrl}/api/discussions/stats`)) as {
        readonly pending: number
      }
      return stats.pending === 0
    },
    { timeoutMs: quietTimeoutMs, everyMs: 100 },
  )
  await using admin = await createAdmin({
    brokers: platform.state.kafkaBrokers.split(','),
    clientId: 'checker',
  })
  await eventually(
    'the lag of the analytics group is 0',
    async () => {
      const lag = await admin.groupLag('discussion-analytics', [discussionEventsTopic.name])
      return (
        lag.length === discussionEventsTopic.partitions && lag.every((row) => row.lagRecords === 0)
      )
    },
    { timeoutMs: quietTimeoutMs, everyMs: 100 },
  )
}

async function checkThread(platform: PlatformUnderTest, thread: ThreadRecord): Promise<void> {
  const state = (await getJson(
    `${platform.gatewayUrl}/api/discussions/threads/${thread.id}?track=false`,
  )) as ThreadState
  const aggregate = (await getJson(
    `${platform.gatewayUrl}/api/analytics/threads/${thread.id}`,
  )) as AggregateState
  const where = `thread ${thread.id}`
  const living = state.comments.filter((comment) => !comment.isDeleted)

  // The aggregate against the source of truth: exact, whatever happened.
  const posts = [state, ...living]
  const authors = new Set(posts.map((post) => post.authorId).filter((author) => author !== null))
  const expected = {
    viewCount: state.viewCount,
    commentCount: living.length,
    upvotes: sum(posts.map((post) => post.upvotes)),
    downvotes: sum(posts.map((post) => post.downvotes)),
    participants: authors.size,
  }
  const { viewCount, commentCount, upvotes, downvotes, participants } = aggregate
  assert.deepEqual(
    { viewCount, commentCount, upvotes, downvotes, participants },
    expected,
    `${where}: aggregate against the service`,
  )
  assert.equal(
    aggregate.engagementScore,
    viewCount + 5 * commentCount + 3 * (upvotes + downvotes),
    `${where}: score`,
  )

  // Both against the promises: exact where every request was answered, else within what went unanswered.
  assertWithin(`${where}: views`, viewCount, thread.acknowledgedViews, thread.unansweredViews)
  const ids = new Set(living.map((comment) => comment.id))
  for (const id of thread.comments.keys())
    assert.ok(
      ids.has(id) || thread.unansweredDeletions.has(id),
      `${where}: acknowledged comment ${id} is lost`,
    )
  for (const id of thread.deletedComments)
    assert.ok(!ids.has(id), `${where}: deleted comment ${id} is back`)
  for (const comment of living) {
    const isPromised =
      thread.comments.has(comment.id) || thread.unansweredComments.has(comment.content)
    assert.ok(isPromised, `${where}: nobody wrote comment ${comment.id}`)
  }
  checkVotes(where, thread, ids, upvotes, downvotes)
}

function checkVotes(
  where: string,
  thread: ThreadRecord,
  livingComments: ReadonlySet<string>,
  upvotes: number,
  downvotes: number,
): void {
  const onLivingPosts = [...thread.votes].filter(([key]) => {
    const post = key.split(' ')[1] ?? ''
    return post === thread.id || livingComments.has(post)
  })
  const count = (state: string): number => onLivingPosts.filter(([, vote]) => vote === state).length
  assertWithin(`${where}: up votes`, upvotes, count('up'), count('unknown'))
  assertWithin(`${where}: down votes`, downvotes, count('down'), count('unknown'))
}

/** Every acknowledged event stands once in the log of what was made and once, done, in the log of what was taken. */
async function checkLogs(
  discussions: Database,
  analytics: Database,
  record: PromiseRecord,
): Promise<void> {
  const made = await discussions.query<{ event_id: string; status: string }>(
    'select event_id::text, status from event_production_log',
  )
  const taken = await analytics.query<{ event_id: string; status: string }>(
    'select event_id::text, status from event_consumption_log',
  )
  const madeIds = new Set(made.rows.map((row) => row.event_id))
  const takenIds = new Set(taken.rows.map((row) => row.event_id))
  assert.equal(madeIds.size, made.rows.length, 'an event stands twice in the production log')
  assert.equal(takenIds.size, taken.rows.length, 'an event stands twice in the consumption log')
  for (const id of record.eventIds)
    assert.ok(madeIds.has(id), `acknowledged event ${id} is not in the production log`)
  assert.deepEqual(
    made.rows.filter((row) => row.status !== 'PUBLISHED'),
    [],
    'events that were not published',
  )
  assert.deepEqual(
    taken.rows.filter((row) => row.status !== 'PROCESSED'),
    [],
    'events that were not processed',
  )
  assert.deepEqual(
    [...madeIds].filter((id) => !takenIds.has(id)),
    [],
    'events that were made but never taken',
  )
  assert.deepEqual(
    [...takenIds].filter((id) => !madeIds.has(id)),
    [],
    'events that were taken but never made',
  )
}

/** Reads the topic itself: each thread's versions ascend by one from 1; what comes again was there before. */
async function checkTopicOrder(platform: PlatformUnderTest): Promise<void> {
  const brokers = platform.state.kafkaBrokers.split(',')
  const lastVersion = new Map<string, number>()
  for await (const item of readToEnd(brokers, discussionEventsTopic.name)) {
    const event = JSON.parse(item.value?.toString() ?? '') as {
      readonly aggregateId: string
      readonly aggregateVersion: number
    }
    const last = lastVersion.get(event.aggregateId) ?? 0
    assert.ok(
      event.aggregateVersion <= last + 1,
      `thread ${event.aggregateId}: version ${event.aggregateVersion} came after ${last}`,
    )
    lastVersion.set(event.aggregateId, Math.max(last, event.aggregateVersion))
    assert.equal(item.key?.toString(), event.aggregateId, 'the key is the thread')
  }
}

function assertWithin(what: string, value: number, acknowledged: number, unanswered: number): void {
  const text = `${what}: ${value} where ${acknowledged} were acknowledged and ${unanswered} went unanswered`
  assert.ok(value >= acknowledged && value <= acknowledged + unanswered, text)
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

async function getJson(url: string): Promise<unknown> {
  const response = await fetch(url, { signal: AbortSignal.timeout(60_000) })
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${await response.text()}`)
  return response.json()
}
