import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { expectedThreads, expectedTop, readDiscussionLines } from './expected-aggregates.ts'
import { untilQuiet } from './history-checker.ts'
import { PlatformUnderTest } from './platform-under-test.ts'

const sampleFile = fileURLToPath(
  new URL('../../fixtures/discussions-sample.jsonl', import.meta.url),
)
const realFile =
  process.env['MILLRACE_DISCUSSIONS_FILE'] ??
  fileURLToPath(new URL('../../../../shared/data/discussions.jsonl.gz', import.meta.url))
const command = fileURLToPath(new URL('../../bin/import.mjs', import.meta.url))

let platform: PlatformUnderTest
let scratch: string

before(async () => {
  platform = await PlatformUnderTest.start({ args: ['--no-sample-data'] })
  scratch = mkdtempSync(join(tmpdir(), 'millrace-import-'))
})
after(async () => {
  rmSync(scratch, { recursive: true, force: true })
  assert.equal(await platform.stop(), 0)
})

function runImport(
  ...args: readonly string[]
): Promise<{ readonly code: number; readonly output: string }> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [command, 'discussions', ...args, '--data', platform.folder],
      (error, stdout, stderr) => {
        resolve({ code: error ? Number(error.code) : 0, output: stdout + stderr })
      },
    )
  })
}

async function getJson<T>(path: string): Promise<T> {
  const response = await fetch(`${platform.gatewayUrl}${path}`)
  assert.equal(response.status, 200, `${path}: ${response.status}`)
  return (await response.json()) as T
}

/** Every figure of every thread, and every course's list in its order, over all time and from each of a few days on. */
async function assertFiguresEqualFile(path: string): Promise<void> {
  const lines = readDiscussionLines(path)
  for (const expected of expectedThreads(lines).values()) {
    const { updatedAt, ...actual } = await getJson<Record<string, unknown>>(
      `/api/analytics/threads/${encodeURIComponent(expected.threadId)}`,
    )
    assert.deepEqual(actual, { ...expected }, `thread ${expected.threadId}`)
    assert.ok(typeof updatedAt === 'string')
  }
  const days = lines.map((line) => line.createdAt.slice(0, 10)).toSorted()
  const someDays = [
    days[0],
    days[Math.floor(days.length / 3)],
    days[Math.floor(days.length / 2)],
    days.at(-1),
  ]
  for (const course of new Set(lines.map((line) => line.course))) {
    for (const since of [undefined, ...someDays]) {
      const expected = expectedTop(lines, course, since).slice(0, 100)
      const query = `limit=100${since === undefined ? '' : `&since=${since}`}`
      const { items } = await getJson<{
        items: readonly { threadId: string; engagementScore: number }[]
      }>(`/api/analytics/courses/${encodeURIComponent(course)}/top?${query}`)
      const actual = items.map(({ threadId, engagementScore }) => ({ threadId, engagementScore }))
      assert.deepEqual(actual, expected, `top of ${course} since ${since ?? 'ever'}`)
    }
  }
}

test('import: every figure of the sample equals what its lines say; a second run changes nothing', async () => {
  const first = await runImport(sampleFile)
  assert.match(first.output, /336 imported, 1 were there already, 0 refused/)
  assert.equal(first.code, 0)
  await untilQuiet(platform)
  await assertFiguresEqualFile(sampleFile)
  const second = await runImport(sampleFile)
  assert.match(second.output, /0 imported, 337 were there already, 0 refused/)
  await untilQuiet(platform)
  await assertFiguresEqualFile(sampleFile)
})

test(
  'import: the real file is exact, thread by thread and course by course',
  { skip: existsSync(realFile) ? false : 'the real file is not on this machine' },
  async () => {
    const result = await runImport(realFile)
    assert.match(result.output, /9585 imported, 0 were there already, 0 refused/)
    await untilQuiet(platform)
    await assertFiguresEqualFile(realFile)
  },
)

test('import: bad lines are refused with their number and reason, the others are in', async () => {
  const thread = {
    type: 'thread',
    id: 'bad-q1',
    parentId: null,
    threadId: 'bad-q1',
    course: 'bad/lines',
    author: 'ada',
    createdAt: '2026-01-01T00:00:00.000Z',
    title: 'Good',
    body: 'Good.',
  }
  const comment = {
    type: 'comment',
    kind: 'comment',
    id: 'bad-c1',
    parentId: 'bad-q1',
    threadId: 'bad-q1',
    course: 'bad/lines',
    author: 'ada',
    createdAt: '2026-01-01T01:00:00.000Z',
    body: 'Good too.',
  }
  const rows: readonly (readonly [text: string, reason: RegExp | undefined])[] = [
    [JSON.stringify(thread), undefined],
    ['{"type":"thread",', /line 2: not JSON/],
    [
      JSON.stringify({
        ...comment,
        id: 'bad-c2',
        threadId: 'bad-nowhere',
        parentId: 'bad-nowhere',
      }),
      /line 3: /,
    ],
    [JSON.stringify({ ...comment, id: 'bad-c3', type: 'shout' }), /line 4: /],
    [JSON.stringify({ ...comment, id: 'bad-c4', createdAt: 'yesterday' }), /line 5: /],
    [JSON.stringify({ ...comment, id: 'bad-c5', body: 'a\u0000b' }), /line 6: /],
    [JSON.stringify({ ...comment, id: 'bad-c6', parentId: 'bad-c99' }), /line 7: /],
    ['[]', /line 8: /],
    [JSON.stringify({ ...comment, type: 'vote', id: 'bad-v1', vote: 'sideways' }), /line 9: /],
    [JSON.stringify({ ...comment, type: 'view', id: 'bad-w1', count: -3 }), /line 10: /],
    [JSON.stringify(comment), undefined],
  ]
  const file = join(scratch, 'bad.jsonl')
  writeFileSync(file, rows.map(([text]) => text).join('\n'))
  const result = await runImport(file)
  assert.equal(result.code, 1, result.output)
  assert.match(result.output, /2 imported, 0 were there already, 9 refused/)
  for (const [, reason] of rows) if (reason) assert.match(result.output, reason)
  await untilQuiet(platform)
  const aggregate = await getJson<{ commentCount: number }>('/api/analytics/threads/bad-q1')
  assert.equal(aggregate.commentCount, 1)
})

test('import: a broken archive, a missing file and a wrong token each say what to do', async () => {
  const broken = join(scratch, 'broken.jsonl.gz')
  writeFileSync(broken, Buffer.from([0x1f, 0x8b, 8, 0, 1, 2, 3]))
  const rows = [
    { args: [broken], says: /broken\.jsonl\.gz broke off after line 0/ },
    {
      args: [join(scratch, 'nowhere.jsonl')],
      says: /Cannot read .*nowhere\.jsonl.*Name a \.jsonl or \.jsonl\.gz file/,
    },
    { args: [sampleFile, '--token', 'wrong', '--from-start'], says: /answered 401/ },
  ]
  for (const { args, says } of rows) {
    const result = await runImport(...args)
    assert.equal(result.code, 2, result.output)
    assert.match(result.output, says)
  }
})
