import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventually } from '@millrace/core/testing'
import { Part, type Instance } from './part.ts'

/** A process that lives until it is told otherwise. */
class FakeInstance implements Instance {
  readonly pid: number
  readonly #ended = Promise.withResolvers<{ code: number | null; signal: string | null }>()
  readonly exited = this.#ended.promise
  wasStopped = false

  constructor(pid: number) {
    this.pid = pid
  }

  die(signal: string): void {
    this.#ended.resolve({ code: null, signal })
  }

  stop(): Promise<void> {
    this.wasStopped = true
    this.#ended.resolve({ code: 0, signal: null })
    return Promise.resolve()
  }
}

function partWith(launch: (life: number) => Promise<FakeInstance>) {
  const instances: FakeInstance[] = []
  const changes: string[] = []
  const part = new Part({
    name: 'demo',
    launch: async () => {
      const instance = await launch(instances.length + 1)
      instances.push(instance)
      return instance
    },
    readyDetail: 'here',
    onChange: (state, detail) => changes.push(`${state} ${detail}`.trim()),
  })
  return { part, instances, changes }
}

test('part: what dies is started again, and said so with how it ended', async () => {
  const { part, instances, changes } = partWith((life) => Promise.resolve(new FakeInstance(life)))
  await part.start()
  instances[0]?.die('SIGKILL')
  await eventually('the second life', () => part.pid === 2)
  assert.deepEqual(changes, [
    'waiting',
    'starting',
    'ready here',
    'starting ended (SIGKILL), starting again',
    'ready here',
  ])
  assert.equal(part.restarts, 1)
  await part.stop()
  assert.ok(instances[1]?.wasStopped)
})

test('part: a relaunch that fails is tried again', async () => {
  const { part, instances } = partWith((life) => Promise.resolve(new FakeInstance(life)))
  let refusals = 2
  const failing = new Part({
    name: 'demo',
    launch: async () => {
      if (instances.length === 1 && refusals-- > 0) throw new Error('port taken')
      const instance = new FakeInstance(instances.length + 1)
      instances.push(instance)
      return instance
    },
    onChange: () => {},
  })
  await failing.start()
  instances[0]?.die('SIGKILL')
  await eventually('the second life after two refusals', () => failing.pid === 2)
  await failing.stop()
  await part.stop()
})

test('part: a first launch that fails is told to the caller, and not tried again', async () => {
  let launches = 0
  const part = new Part({
    name: 'demo',
    launch: () => {
      launches++
      return Promise.reject(new Error('no binary'))
    },
    onChange: () => {},
  })
  await assert.rejects(part.start(), /no binary/)
  assert.equal(launches, 1)
  await part.stop()
})

test('part: one that is stopped stays stopped', async () => {
  const { part, instances, changes } = partWith((life) => Promise.resolve(new FakeInstance(life)))
  await part.start()
  await part.stop()
  await part.stop()
  assert.equal(instances.length, 1)
  assert.equal(changes.at(-1), 'stopped')
})

test('part: a crash that is asked for is a SIGKILL, and the restart waits as long as asked', async (t) => {
  const killed: [number, unknown][] = []
  t.mock.method(process, 'kill', (pid: number, signal: unknown) => {
    killed.push([pid, signal])
    instances[0]?.die('SIGKILL')
    return true
  })
  const { part, instances, changes } = partWith((life) => Promise.resolve(new FakeInstance(life)))
  assert.equal(part.crash(0), false, 'nothing runs yet')
  await part.start()
  assert.equal(part.crash(300), true)
  await eventually('the second life', () => part.pid === 2)
  assert.deepEqual(killed, [[1, 'SIGKILL']])
  assert.ok(changes.includes('waiting down for 1 s, as was asked for'), changes.join('; '))
  await part.stop()
})
