import assert from 'node:assert/strict'
import { test } from 'node:test'
import { randomInt, seededRandom } from '@millrace/core'
import * as fc from 'fast-check'
import { openTables, type Tables } from '../test/fixture.ts'
import { figuresOf, RandomDiscussion, type ThreadTruth } from '../test/random-discussion.ts'
import { engagementOf, type Weights } from './domain/engagement.ts'
import { toThreadAggregate } from './sql/aggregate-row.ts'
import { findThreads } from './sql/find-threads.ts'
import { listCourses } from './sql/list-courses.ts'
import { topThreads } from './sql/top-threads.ts'

const weights: Weights = { views: 1, comments: 5, votes: 3 }
const courses = ['qc/one', 'qc/two', 'drei']

async function clear(tables: Tables): Promise<void> {
  await tables.database.query('truncate thread_aggregate, thread_day_aggregate, thread_participant')
}

async function checkThreads(tables: Tables, threads: readonly ThreadTruth[]): Promise<void> {
  const rows = await findThreads(
    tables.database,
    threads.map((each) => each.threadId),
  )
  assert.equal(rows.length, threads.length)
  for (const thread of threads) {
    const row = rows.find((each) => each.threadId === thread.threadId)
    assert.ok(row)
    assert.equal(row.isDeleted, thread.isDeleted)
    const expected = figuresOf(thread)
    const { lastActivityAt, updatedAt: _, ...figures } = toThreadAggregate(row, weights)
    assert.deepEqual(figures, {
      threadId: thread.threadId,
      courseId: thread.courseId,
      ...expected,
      engagementScore: engagementOf(expected, weights),
    })
    if (!thread.isDeleted) assert.equal(lastActivityAt, thread.lastActivityAt)
  }
}

/** The list as a reader of the requirement would make it. */
function expectedTop(
  threads: readonly ThreadTruth[],
  courseId: string,
  since: string | null,
  by: Weights,
): readonly unknown[] {
  return threads
    .filter((thread) => thread.courseId === courseId && !thread.isDeleted)
    .map((thread) => {
      const { participants: _, ...figures } = figuresOf(thread, since ?? undefined)
      return { ...figures, thread }
    })
    .filter(({ thread, ...figures }) => {
      assert.ok(thread)
      return since === null || Object.values(figures).some(Boolean)
    })
    .map(({ thread, ...figures }) => ({
      threadId: thread.threadId,
      title: thread.title,
      ...figures,
      engagementScore: engagementOf(figures, by),
    }))
    .toSorted((a, b) => b.engagementScore - a.engagementScore || (a.threadId < b.threadId ? -1 : 1))
}

async function checkTops(tables: Tables, threads: readonly ThreadTruth[]): Promise<void> {
  const other = { views: 0, comments: 1, votes: 7 }
  for (const courseId of courses)
    for (const by of [weights, other])
      for (const since of [null, '2026-01-05', '2026-01-08', '2026-01-11', '2026-01-12']) {
        const query = { courseId, limit: 1_000, since, weights: by }
        assert.deepEqual(
          await topThreads(tables.database, query),
          expectedTop(threads, courseId, since, by),
        )
      }
}

test('aggregates equal what stands in the end, for random talk, batches and order between threads', async () => {
  await using tables = await openTables()
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0 }), async (seed) => {
      await clear(tables)
      const random = seededRandom(seed)
      const talk = new RandomDiscussion(random)
      talk.run(400)
      const events = [...talk.interleaved()]
      while (events.length > 0) await tables.apply(events.splice(0, 1 + randomInt(random, 80)))
      await checkThreads(tables, talk.threads)
      await checkTops(tables, talk.threads)
    }),
    { numRuns: 12 },
  )
})

test('four writers at once on the same threads: no deadlock, and the same sums', async () => {
  await using tables = await openTables()
  const talk = new RandomDiscussion(seededRandom(7))
  talk.run(3_000)
  // Events of one thread run side by side here, which a topic never does; sums do not mind.
  const lanes = Array.from({ length: 4 }, (_, lane) =>
    talk.events.filter((__, index) => index % 4 === lane),
  )
  await Promise.all(
    lanes.map(async (lane) => {
      for (let from = 0; from < lane.length; from += 40)
        await tables.apply(lane.slice(from, from + 40))
    }),
  )
  const expected = talk.threads.map((thread) => ({
    threadId: thread.threadId,
    participants: figuresOf(thread).participants,
    viewCount: figuresOf(thread).viewCount,
    upvotes: figuresOf(thread).upvotes,
  }))
  const rows = await findThreads(
    tables.database,
    talk.threads.map((each) => each.threadId),
  )
  assert.deepEqual(
    rows
      .map(({ threadId, participants, viewCount, upvotes }) => ({
        threadId,
        participants,
        viewCount,
        upvotes,
      }))
      .toSorted((a, b) => (a.threadId < b.threadId ? -1 : 1)),
    expected.toSorted((a, b) => (a.threadId < b.threadId ? -1 : 1)),
  )
})

test('courses: threads that stand, with their sums, most threads first', async () => {
  await using tables = await openTables()
  const talk = new RandomDiscussion(seededRandom(11))
  talk.run(800)
  await tables.apply(talk.events)
  const standing = talk.threads.filter((thread) => !thread.isDeleted)
  const expected = courses
    .map((courseId) => {
      const threads = standing.filter((thread) => thread.courseId === courseId)
      const sum = (key: 'viewCount' | 'commentCount' | 'upvotes' | 'downvotes'): number =>
        threads.reduce((total, thread) => total + figuresOf(thread)[key], 0)
      const figures = {
        viewCount: sum('viewCount'),
        commentCount: sum('commentCount'),
        upvotes: sum('upvotes'),
        downvotes: sum('downvotes'),
      }
      return {
        courseId,
        threadCount: threads.length,
        ...figures,
        engagementScore: engagementOf(figures, weights),
        lastActivityAt: threads
          .map((each) => each.lastActivityAt)
          .toSorted()
          .at(-1),
      }
    })
    .filter((each) => each.threadCount > 0)
    .toSorted((a, b) => b.threadCount - a.threadCount || (a.courseId < b.courseId ? -1 : 1))
  assert.deepEqual(await listCourses(tables.database, 10, weights), expected)
  assert.equal((await listCourses(tables.database, 1, weights)).length, 1)
})
