import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { code } from './broker-error.ts'
import { FetchSession, type SessionRequest, type SessionRow } from './fetch-session.ts'

const row = (partition: number, fetchOffset: number): SessionRow => ({
  topic: 't',
  partition,
  fetchOffset,
})
const shape = ({ sessionId, sessionEpoch, rows, forgotten }: SessionRequest<SessionRow>) => ({
  at: [sessionId, sessionEpoch],
  rows: rows.map(({ partition, fetchOffset }) => `${partition}@${fetchOffset}`).join(' '),
  forgotten: forgotten.map(({ partition }) => partition).join(' '),
})

test('fetch session: only what has changed is said, and what is not wanted any more', () => {
  const session = new FetchSession()
  assert.deepEqual(shape(session.next([row(0, 5), row(1, 7)])), {
    at: [0, 0],
    rows: '0@5 1@7',
    forgotten: '',
  })
  session.answered(9)
  assert.deepEqual(shape(session.next([row(0, 5), row(1, 8)])), {
    at: [9, 1],
    rows: '1@8',
    forgotten: '',
  })
  session.answered(9)
  assert.deepEqual(shape(session.next([row(1, 8), row(2, 0)])), {
    at: [9, 2],
    rows: '2@0',
    forgotten: '0',
  })
  session.answered(9)
  assert.deepEqual(shape(session.next([row(1, 8), row(2, 0)])), {
    at: [9, 3],
    rows: '',
    forgotten: '',
  })
})

for (const c of [
  { name: 'FETCH_SESSION_ID_NOT_FOUND', errorCode: code.FETCH_SESSION_ID_NOT_FOUND, next: [0, 0] },
  {
    name: 'INVALID_FETCH_SESSION_EPOCH',
    errorCode: code.INVALID_FETCH_SESSION_EPOCH,
    next: [9, 0],
  },
  {
    name: 'FETCH_SESSION_TOPIC_ID_ERROR',
    errorCode: code.FETCH_SESSION_TOPIC_ID_ERROR,
    next: [9, 0],
  },
])
  test(`fetch session: after ${c.name} it begins anew with all partitions; after three, without a session`, () => {
    const session = new FetchSession()
    session.next([row(0, 5)])
    session.answered(9)
    session.next([row(0, 5)])
    assert.equal(session.refused(c.errorCode), true)
    assert.deepEqual(shape(session.next([row(0, 5)])), { at: c.next, rows: '0@5', forgotten: '' })
    session.refused(c.errorCode)
    session.next([row(0, 5)])
    session.refused(c.errorCode)
    assert.deepEqual(shape(session.next([row(0, 5)])), { at: [0, -1], rows: '0@5', forgotten: '' })
    session.answered(0)
    assert.deepEqual(shape(session.next([row(0, 5)])).at, [0, -1])
  })

test('fetch session: an error that is not about the session is told apart, and begins anew as well', () => {
  const session = new FetchSession()
  session.next([row(0, 5)])
  session.answered(9)
  session.next([row(0, 5)])
  assert.equal(session.refused(code.UNKNOWN_SERVER_ERROR), false)
  assert.deepEqual(shape(session.next([row(0, 5)])).at, [9, 0])
})

/** What a broker keeps of a session, after KIP-227. */
class BrokerModel {
  id = 0
  epoch = 0
  lastId = 0
  known = new Map<number, number>()

  /** Undefined: an error of that code. */
  handle(request: SessionRequest<SessionRow>, keeps: boolean): number | { readonly error: number } {
    const { sessionId, sessionEpoch, rows, forgotten } = request
    const set = (): void => rows.forEach((each) => this.known.set(each.partition, each.fetchOffset))
    if (sessionEpoch <= 0) {
      this.known = new Map()
      set()
      this.id = keeps && sessionEpoch === 0 ? ++this.lastId : 0
      this.epoch = 1
      return this.id
    }
    if (sessionId !== this.id) return { error: code.FETCH_SESSION_ID_NOT_FOUND }
    if (sessionEpoch !== this.epoch) return { error: code.INVALID_FETCH_SESSION_EPOCH }
    this.epoch++
    for (const { partition } of forgotten) this.known.delete(partition)
    set()
    return this.id
  }
}

test('fetch session: whatever is lost or forgotten on the way, the broker looks at what is wanted', () => {
  const step = fc.record({
    wanted: fc.uniqueArray(fc.record({ partition: fc.nat(4), fetchOffset: fc.nat(3) }), {
      selector: ({ partition }) => partition,
    }),
    keeps: fc.boolean(),
    fate: fc.constantFrom(
      'answered',
      'answered',
      'answered',
      'request lost',
      'answer lost',
      'evicted',
    ),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const session = new FetchSession()
      const broker = new BrokerModel()
      for (const { wanted, keeps, fate } of steps) {
        if (fate === 'evicted') broker.id = -1
        const request = session.next(wanted.map((each) => row(each.partition, each.fetchOffset)))
        if (fate === 'request lost') {
          session.lost()
          continue
        }
        const answer = broker.handle(request, keeps)
        if (fate === 'answer lost') session.lost()
        else if (typeof answer === 'number') session.answered(answer)
        else session.refused(answer.error)
        if (typeof answer !== 'number') continue
        const expected = new Map(wanted.map((each) => [each.partition, each.fetchOffset]))
        assert.deepEqual(
          [...broker.known].toSorted(([a], [b]) => a - b),
          [...expected].toSorted(([a], [b]) => a - b),
        )
      }
    }),
    { numRuns: 500 },
  )
})
