import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ChangeSet } from './change-set.ts'
import { Subscription } from './subscription.ts'

test('subscription: only the newest state of each thread waits; a slow client loses the oldest threads first', async () => {
  const subscription = new Subscription({ threadId: null, courseId: 'c' })
  assert.equal(subscription.wants('t', 'c'), true)
  assert.equal(subscription.wants('t', 'other'), false)
  for (let index = 0; index < 1_005; index++)
    subscription.push({ threadId: `t${index}`, courseId: 'c', aggregate: null })
  subscription.push({ threadId: 't7', courseId: 'c', aggregate: null })
  const end = new AbortController()
  const seen: unknown[] = []
  for await (const event of subscription.events(end.signal)) {
    seen.push((event.data as { threadId: string }).threadId)
    if (seen.length === 1_000) end.abort()
  }
  assert.equal(seen[0], 't5')
  assert.equal(seen.at(-1), 't7')
  assert.equal(seen.filter((id) => id === 't7').length, 1)
})

test('subscription: the stream ends when its signal is aborted while nothing comes', async () => {
  const subscription = new Subscription({ threadId: 't', courseId: null })
  const end = new AbortController()
  const next = subscription.events(end.signal).next()
  end.abort()
  assert.equal((await next).done, true)
})

test('change set: more threads than can be named become "all"; taking begins anew', () => {
  const changes = new ChangeSet(2)
  assert.equal(changes.isEmpty, true)
  changes.add('a', 'c')
  changes.add('b', 'c')
  changes.add('a', 'c')
  assert.deepEqual(
    [...(changes.take() as ReadonlyMap<string, string>)],
    [
      ['a', 'c'],
      ['b', 'c'],
    ],
  )
  for (const id of ['a', 'b', 'd', 'e']) changes.add(id, 'c')
  assert.equal(changes.isEmpty, false)
  assert.equal(changes.take(), 'all')
  assert.equal(changes.isEmpty, true)
})
