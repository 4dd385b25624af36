import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import {
  roleOf,
  sessionState,
  toLastEvent,
  toPeoplePage,
  toProfile,
  toSessions,
} from './mappers.ts'

const ada = {
  id: 'ada',
  name: 'Ada',
  email: null,
  roles: ['admin', 'customer', 'auditor'],
  country: null,
  createdAt: '2026-01-01T00:00:00.000Z',
}

test('people: a page with its cursor; roles in one order, unknown ones give nothing', () => {
  const page = toPeoplePage({ items: [ada], nextCursor: 'c' })
  assert.equal(page.nextCursor, 'c')
  assert.deepEqual(page.items[0], {
    id: 'ada',
    name: 'Ada',
    email: null,
    roles: ['customer', 'admin'],
    country: null,
    createdAtMs: Date.UTC(2026, 0, 1),
  })
  assert.throws(() => toProfile({ ...ada, createdAt: null }), /person.createdAt should be a time/)
})

test('people: the role in the address is one, or none', () => {
  assert.equal(roleOf('staff'), 'staff')
  assert.equal(roleOf('root'), null)
  assert.equal(roleOf(undefined), null)
})

test('people: the journey of the newest event is that of its correlation, else its own', () => {
  const event = { eventId: 'e', eventType: 'USER_CREATED', at: '2026-01-01T00:00:00Z' }
  const older = { ...event, eventId: 'old' }
  assert.equal(toLastEvent({ items: [{ ...event, correlationId: 'c' }, older] })?.journeyId, 'c')
  assert.equal(toLastEvent({ items: [event] })?.journeyId, 'e')
  assert.equal(toLastEvent({ items: [] }), null)
})

suite('sessions', () => {
  const open = {
    id: 's',
    createdAt: '2026-01-01T00:00:00Z',
    usedAt: '2026-01-01T01:00:00Z',
    expiresAt: '2026-01-15T00:00:00Z',
    endedAt: null,
    endedBecause: null,
  }
  const endedAt = '2026-01-02T00:00:00Z'
  for (const { name, wire, atMs = Date.UTC(2026, 0, 3), tone, words } of [
    { name: 'open', wire: open, tone: 'good', words: /^open$/ },
    {
      name: 'unused for too long',
      wire: open,
      atMs: Date.UTC(2026, 0, 15),
      tone: 'quiet',
      words: /ran out/,
    },
    {
      name: 'stolen',
      wire: { ...open, endedAt, endedBecause: 'token-reused' },
      tone: 'attention',
      words: /stolen/,
    },
    {
      name: 'ended for a reason to come',
      wire: { ...open, endedAt, endedBecause: 'moon-phase' },
      tone: 'quiet',
      words: /moon-phase/,
    },
  ])
    test(name, () => {
      const [session] = toSessions({ items: [wire] })
      assert.ok(session)
      const state = sessionState(session, atMs)
      assert.equal(state.tone, tone)
      assert.match(state.words, words)
    })
})
