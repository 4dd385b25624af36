import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { SimulatedClock } from './simulated-clock.ts'
import { Wakeup } from './wakeup.ts'

test('signals while the loop is busy are one, and let its next wait return at once', async () => {
  const clock = new SimulatedClock()
  const wakeup = new Wakeup(clock)
  wakeup.signal()
  wakeup.signal()
  await wakeup.wait(1_000)
  assert.equal(clock.pendingCount, 0)
  const second = wakeup.wait(1_000)
  assert.equal(clock.pendingCount, 1, 'the second signal was the same one')
  await clock.advance(1_000)
  await second
})

test('a wait that is aborted returns and leaves no timer', async () => {
  const clock = new SimulatedClock()
  const abort = new AbortController()
  const waiting = new Wakeup(clock).wait(1_000, abort.signal)
  abort.abort()
  await waiting
  assert.equal(clock.pendingCount, 0)
})

// A relay whose Postgres is away for a moment has no connection open: its process must not end, silently and with code 0.
test('a process in which a loop waits and nothing else is open stays', async () => {
  const url = new URL('wakeup.ts', import.meta.url)
  const code = `
    import { Wakeup } from ${JSON.stringify(url.href)}
    const waited = new Wakeup().wait(150)
    void waited.then(() => console.log('went on'))
  `
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--input-type=module', '-e', code],
    {
      cwd: fileURLToPath(new URL('.', url)),
    },
  )
  assert.equal(stdout, 'went on\n')
})
