import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { stateDirectory } from '../../../test/streams-fixture.ts'
import { StaticMembers } from './static-members.ts'

test('a run with fewer threads, or under another name, finds the members that the run before left, and no others', async () => {
  await using directory = await stateDirectory()
  const run = (instanceId: string | undefined, threads: number): readonly string[] => {
    const members = new StaticMembers(directory.path, instanceId)
    const leftovers = members.leftovers(threads)
    members.begin(threads)
    return leftovers
  }
  assert.deepEqual(run('one', 3), [])
  assert.deepEqual(run('one', 3), [])
  assert.deepEqual(run('one', 1), ['one-2', 'one-3'])
  assert.deepEqual(run('one', 2), [])
  assert.deepEqual(run('other', 2), ['one-1', 'one-2'])
  assert.deepEqual(run(undefined, 2), ['other-1', 'other-2'])
  assert.deepEqual(run('one', 1), [])
})

test('threads that are added while it runs are found too', async () => {
  await using directory = await stateDirectory()
  const members = new StaticMembers(directory.path, 'one')
  members.begin(1)
  for (const index of [0, 1, 2, 1]) members.joining(index)
  assert.deepEqual(new StaticMembers(directory.path, 'one').leftovers(1), ['one-2', 'one-3'])
})

for (const text of ['', '{', '[]', '{"instanceId":"one"}', '{"instanceId":1,"count":2}'])
  test(`what a crash left of the note counts as none: ${text}`, async () => {
    await using directory = await stateDirectory()
    await writeFile(join(directory.path, 'members'), text)
    const members = new StaticMembers(directory.path, 'one')
    assert.deepEqual(members.leftovers(1), [])
    members.begin(2)
    assert.deepEqual(new StaticMembers(directory.path, 'one').leftovers(0), ['one-1', 'one-2'])
  })
