import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SharedWork } from './shared-work.ts'

test('shared work: asked for at once it is done once, per key; afterwards, or after a fault, again', async () => {
  const shared = new SharedWork<number>()
  const begun: string[] = []
  const held = Promise.withResolvers<void>()
  const work = (key: string) => async () => {
    begun.push(key)
    await held.promise
    return begun.length
  }
  const three = ['a', 'a', 'b'].map((key) => shared.run(key, work(key)))
  assert.deepEqual(begun, ['a', 'b'])
  held.resolve()
  assert.deepEqual(await Promise.all(three), [2, 2, 2])
  assert.equal(await shared.run('a', work('a')), 3)

  const failing = () => Promise.reject(new Error('away'))
  const both = [shared.run('c', failing), shared.run('c', failing)]
  for (const one of both) await assert.rejects(one, /away/)
  assert.equal(await shared.run('c', () => Promise.resolve(7)), 7)
})
