import assert from 'node:assert/strict'
import { beforeEach, test, type TestContext } from 'node:test'
import { fetchInSession, forgetSession, keepSession, sessionEndStore } from './session.ts'

/** A gateway of one session, in place of `fetch`: what was asked, and how it answers. */
function gateway(t: TestContext, refresh: () => Response = () => tokens()) {
  const state = { isGood: false, asked: [] as string[] }
  t.mock.method(globalThis, 'fetch', async (path: string) => {
    state.asked.push(path)
    if (path !== '/api/me/refresh') return new Response(null, { status: state.isGood ? 200 : 401 })
    const answer = refresh()
    state.isGood = answer.ok
    return answer
  })
  return state
}

const tokens = () => Response.json({ userId: 'ada', expiresInSeconds: 600 })
const refused = () => Response.json({ code: 'MR_USERS_REFRESH_REFUSED' }, { status: 401 })
const away = () => Response.json({ code: 'MR_GATEWAY_SERVICE_DOWN' }, { status: 503 })
const refreshesOf = ({ asked }: { readonly asked: readonly string[] }) =>
  asked.filter((path) => path === '/api/me/refresh').length

beforeEach(() => forgetSession())

test('session: requests refused at once are sent again after one renewal', async (t) => {
  const state = gateway(t)
  const paths = ['/api/a', '/api/b', '/api/c']
  const answers = await Promise.all(paths.map((path) => fetchInSession(path, {})))
  assert.deepEqual(
    answers.map(({ status }) => status),
    [200, 200, 200],
  )
  assert.equal(refreshesOf(state), 1)
  for (const path of paths) assert.equal(state.asked.filter((each) => each === path).length, 2)
})

test('session: a token about to run out is renewed before the request, one with time left is not', async (t) => {
  const state = gateway(t)
  state.isGood = true
  keepSession(600)
  assert.equal((await fetchInSession('/api/a', {})).status, 200)
  keepSession(5)
  assert.equal((await fetchInSession('/api/b', {})).status, 200)
  assert.deepEqual(state.asked, ['/api/a', '/api/me/refresh', '/api/b'])
})

for (const wasSignedIn of [true, false])
  test(`session: a renewal that is refused is the end, told once (${wasSignedIn ? 'signed in before' : 'never signed in'})`, async (t) => {
    const state = gateway(t, refused)
    if (wasSignedIn) keepSession(600)
    assert.equal((await fetchInSession('/api/a', {})).status, 401)
    assert.deepEqual(sessionEndStore.get(), { isOver: true, wasSignedIn })
    assert.equal((await fetchInSession('/api/b', {})).status, 401)
    assert.equal(refreshesOf(state), 1)
    keepSession(600)
    assert.equal(sessionEndStore.get().isOver, false)
  })

test('session: while nobody can renew it, the outage is the answer and the session is not over', async (t) => {
  const state = gateway(t, away)
  keepSession(600)
  const answers = await Promise.all(['/api/a', '/api/b'].map((path) => fetchInSession(path, {})))
  for (const answer of answers) {
    assert.equal(answer.status, 503)
    assert.deepEqual(await answer.json(), { code: 'MR_GATEWAY_SERVICE_DOWN' })
  }
  assert.equal(sessionEndStore.get().isOver, false)
  assert.equal(state.asked.length - refreshesOf(state), 2)
})
