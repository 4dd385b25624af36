import assert from 'node:assert/strict'
import { closeSync, openSync, rmSync, statSync, truncateSync, writeSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { randomInt, seededRandom, silentLogger, SimulatedClock, type Logger } from '@millrace/core'
import { openTaskEnvironment } from './lmdb-environment.ts'
import type { TaskEnvironment } from './task-environment.ts'
import type { PersistentBytes } from './store.ts'

interface Subject extends AsyncDisposable {
  readonly directory: string
  readonly warnings: string[]
  open(): TaskEnvironment
}

async function subject(): Promise<Subject> {
  const parent = await mkdtemp(join(tmpdir(), 'millrace-test-lmdb-'))
  const directory = join(parent, '0_0')
  const warnings: string[] = []
  const logger: Logger = {
    ...silentLogger,
    warn: (message, fields) => warnings.push(`${message}: ${String(fields?.['reason'])}`),
  }
  const opened: TaskEnvironment[] = []
  return {
    directory,
    warnings,
    open() {
      const clock = new SimulatedClock(1_000)
      const environment = openTaskEnvironment({ directory, taskId: '0_0', clock, logger })
      opened.push(environment)
      return environment
    },
    async [Symbol.asyncDispose]() {
      for (const environment of opened) environment.close()
      await rm(parent, { recursive: true, force: true })
    },
  }
}

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1')
const entries = (store: PersistentBytes, from?: string, to?: string, isReverse = false) =>
  [
    ...store.range(
      from === undefined ? null : bytes(from),
      to === undefined ? null : bytes(to),
      isReverse,
    ),
  ].map(([key, value]) => `${key.toString('latin1')}=${value.toString('latin1')}`)

test('state on disk: changes are seen at once, and outlive the process only from the commit on, with their offset', async () => {
  await using it = await subject()
  const first = it.open()
  const store = first.open('s')
  store.put(bytes('a'), bytes('1'))
  assert.equal(first.storedOffset('s'), undefined)
  first.commit(new Map([['s', 7]]))
  store.put(bytes('a'), bytes('2'))
  store.put(bytes('b'), bytes('3'))
  assert.deepEqual(entries(store), ['a=2', 'b=3'])
  first.close()
  const second = it.open()
  assert.deepEqual(entries(second.open('s')), ['a=1'])
  assert.equal(second.storedOffset('s'), 7)
  assert.equal(second.writtenAtMs, 1_000)
})

test('state on disk: several stores and their offsets are written together', async () => {
  await using it = await subject()
  const first = it.open()
  first.open('s').put(bytes('a'), bytes('1'))
  first.open('t').put(bytes('a'), bytes('2'))
  first.commit(
    new Map([
      ['s', 7],
      ['t', 8],
      ['in memory', 9],
    ]),
  )
  first.close()
  const second = it.open()
  assert.deepEqual([entries(second.open('s')), entries(second.open('t'))], [['a=1'], ['a=2']])
  assert.deepEqual(
    ['s', 't', 'in memory'].map((store) => second.storedOffset(store)),
    [7, 8, undefined],
  )
})

test('state on disk: a wiped store is empty and has no offset, the others stay', async () => {
  await using it = await subject()
  const first = it.open()
  for (const name of ['s', 't']) first.open(name).put(bytes('a'), bytes(name))
  first.commit(
    new Map([
      ['s', 7],
      ['t', 8],
    ]),
  )
  first.wipe('s')
  first.close()
  const second = it.open()
  assert.deepEqual([entries(second.open('s')), entries(second.open('t'))], [[], ['a=t']])
  assert.deepEqual([second.storedOffset('s'), second.storedOffset('t')], [undefined, 8])
})

test('state on disk: an open range has the keys of any first byte, also the lowest and the highest', async () => {
  await using it = await subject()
  const environment = it.open()
  const store = environment.open('s')
  const keys = ['', '\0', '\0\0\u0001', '\u0004', '\u0005', 'a', '\xff'.repeat(9)]
  for (const key of keys) store.put(bytes(key), bytes('1'))
  environment.commit(new Map())
  const rows = keys.map((key) => `${key}=1`)
  assert.deepEqual(entries(store), rows)
  assert.deepEqual(entries(store, undefined, undefined, true), rows.toReversed())
})

test('state on disk: what is changed while it is walked shows as it then is, what came since does not', async () => {
  await using it = await subject()
  const environment = it.open()
  const store = environment.open('s')
  for (const key of ['a', 'b', 'c', 'd']) store.put(bytes(key), bytes('old'))
  environment.commit(new Map())
  store.put(bytes('b'), bytes('new'))
  const walk = store.range(null, null)[Symbol.iterator]()
  assert.equal(String(walk.next().value?.[0]), 'a')
  store.delete(bytes('c'))
  store.put(bytes('d'), bytes('later'))
  store.put(bytes('e'), bytes('came since'))
  const rest: string[] = []
  for (let row; !(row = walk.next()).done;) rest.push(row.value.join('='))
  assert.deepEqual(rest, ['b=new', 'd=later'])
})

test('state on disk equals a sorted map, whatever is put, deleted, committed and reopened', async (t) => {
  const seed = Number(process.env['MILLRACE_SEED'] ?? Date.now() % 1_000_000)
  t.diagnostic(`MILLRACE_SEED=${seed}`)
  const random = seededRandom(seed)
  await using it = await subject()
  let environment = it.open()
  let store = environment.open('s')
  const model = new Map<string, string>()
  let committed = new Map<string, string>()
  const key = (): string =>
    Array.from({ length: randomInt(random, 4) }, () =>
      String.fromCodePoint([0, 1, 97, 98, 255][randomInt(random, 5)] as number),
    ).join('')
  for (let step = 0; step < 4_000; step++) {
    const choice = randomInt(random, 100)
    const at = key()
    if (choice < 55) {
      store.put(bytes(at), bytes(`v${step}`))
      model.set(at, `v${step}`)
    } else if (choice < 75) {
      store.delete(bytes(at))
      model.delete(at)
    } else if (choice < 77) {
      environment.commit(new Map([['s', step]]))
      committed = new Map(model)
    } else if (choice < 78) {
      environment.close()
      environment = it.open()
      store = environment.open('s')
      model.clear()
      for (const [each, value] of committed) model.set(each, value)
    } else if (choice < 90) assert.equal(store.get(bytes(at))?.toString('latin1'), model.get(at))
    else {
      const from = random.float() < 0.3 ? undefined : at
      const to = random.float() < 0.3 ? undefined : key()
      const isReverse = random.float() < 0.5
      const expected = [...model]
        .filter(
          ([each]) => (from === undefined || each >= from) && (to === undefined || each <= to),
        )
        .toSorted(([left], [right]) => (left < right ? -1 : 1))
        .map(([each, value]) => `${each}=${value}`)
      assert.deepEqual(
        entries(store, from, to, isReverse),
        isReverse ? expected.toReversed() : expected,
      )
    }
  }
})

test('state on disk: a key is bounded, and the error says what to do', async () => {
  await using it = await subject()
  const environment = it.open()
  const store = environment.open('s')
  store.put(Buffer.alloc(1_977, 1), bytes('fits'))
  environment.commit(new Map())
  assert.equal(String(store.get(Buffer.alloc(1_977, 1))), 'fits')
  assert.throws(() => store.put(Buffer.alloc(1_978), bytes('x')), {
    code: 'MR_STREAMS_KEY_TOO_LARGE',
  })
  assert.equal(store.get(Buffer.alloc(3_000)), undefined)
})

for (const { name, damage } of [
  {
    name: 'cut in half',
    damage: (file: string) => truncateSync(file, Math.floor(statSync(file).size / 2)),
  },
  { name: 'cut to nothing', damage: (file: string) => truncateSync(file, 0) },
  { name: 'gone', damage: (file: string) => rmSync(file) },
  {
    name: 'overwritten at its head',
    damage(file: string) {
      const handle = openSync(file, 'r+')
      writeSync(handle, Buffer.alloc(8_192, 0x5a), 0, 8_192, 0)
      closeSync(handle)
    },
  },
  {
    name: 'overwritten at random, a byte here and there',
    damage(file: string) {
      const random = seededRandom(1)
      const handle = openSync(file, 'r+')
      const sizeBytes = statSync(file).size
      for (let index = 0; index < 500; index++) {
        const position = 8_192 + randomInt(random, sizeBytes - 8_192)
        writeSync(handle, Buffer.from([randomInt(random, 256)]), 0, 1, position)
      }
      closeSync(handle)
    },
  },
])
  test(`state on disk: a file that is ${name} is taken for empty, and the log says so`, async () => {
    await using it = await subject()
    const first = it.open()
    const store = first.open('s')
    for (let index = 0; index < 5_000; index++)
      store.put(bytes(`key ${index}`), bytes('x'.repeat(50)))
    first.commit(new Map([['s', 5_000]]))
    first.close()
    await new Promise((resolve) => setTimeout(resolve, 50))
    damage(join(it.directory, 'data.mdb'))
    const second = it.open()
    assert.deepEqual(entries(second.open('s')), [])
    assert.equal(second.storedOffset('s'), undefined)
    assert.match(it.warnings.join(), /damaged and is rebuilt/)
    second.open('s').put(bytes('a'), bytes('1'))
    second.commit(new Map([['s', 1]]))
    assert.equal(second.storedOffset('s'), 1)
  })
