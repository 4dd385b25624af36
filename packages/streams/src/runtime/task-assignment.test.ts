import assert from 'node:assert/strict'
import { test } from 'node:test'
import { randomInt, seededRandom } from '@millrace/core'
import { assignTasks, type AssignmentMember } from './task-assignment.ts'

const tasksOf = (...partitions: readonly number[]) =>
  partitions.flatMap((count, subtopology) =>
    Array.from({ length: count }, (_, partition) => ({
      id: `${subtopology}_${partition}`,
      subtopology,
    })),
  )
const member = (
  memberId: string,
  running: readonly string[] = [],
  stored: Readonly<Record<string, number>> = {},
): AssignmentMember => ({
  memberId,
  processId: `process-${memberId}`,
  running,
  stored: new Map(Object.entries(stored)),
})
const assigned = (...args: Parameters<typeof assignTasks>) =>
  Object.fromEntries(assignTasks(...args))

for (const { name, tasks, members, expected } of [
  {
    name: 'everything goes to the only member',
    tasks: tasksOf(2, 1),
    members: [member('a')],
    expected: { a: ['0_0', '0_1', '1_0'] },
  },
  {
    name: 'two subtopologies are spread over both members',
    tasks: tasksOf(2, 2),
    members: [member('a'), member('b')],
    expected: { a: ['0_0', '1_0'], b: ['0_1', '1_1'] },
  },
  {
    name: 'what runs stays, and a newcomer gets no more than the balance asks for',
    tasks: tasksOf(4),
    members: [member('a', ['0_0', '0_1', '0_2', '0_3']), member('b')],
    expected: { a: ['0_0', '0_1'], b: ['0_2', '0_3'] },
  },
  {
    name: 'an odd task stays with whoever ran it',
    tasks: tasksOf(3),
    members: [member('a', ['0_2']), member('b', ['0_0', '0_1'])],
    expected: { a: ['0_2'], b: ['0_0', '0_1'] },
  },
  {
    name: 'a task goes where its state is most complete',
    tasks: tasksOf(2),
    members: [member('a', [], { '0_0': 10, '0_1': 5 }), member('b', [], { '0_0': 20 })],
    expected: { a: ['0_1'], b: ['0_0'] },
  },
  {
    name: 'more members than tasks leaves some idle',
    tasks: tasksOf(1),
    members: [member('a'), member('b')],
    expected: { a: ['0_0'], b: [] },
  },
])
  test(`assignment: ${name}`, () => assert.deepEqual(assigned(tasks, members), expected))

test('assignment: whatever came before, every task runs once, loads differ by one at most, and a second round moves nothing', () => {
  const random = seededRandom(7)
  for (let round = 0; round < 300; round++) {
    const tasks = tasksOf(randomInt(random, 10), randomInt(random, 10))
    const ids = tasks.map(({ id }) => id)
    const members = Array.from({ length: 1 + randomInt(random, 6) }, (_, index) =>
      member(
        `m${index}`,
        ids.filter(() => random.float() < 0.3),
        Object.fromEntries(ids.filter(() => random.float() < 0.3).map((id) => [id, 1])),
      ),
    )
    const first = assignTasks(tasks, members)
    const loads = [...first.values()].map((own) => own.length)
    assert.deepEqual([...first.values()].flat().toSorted(), ids.toSorted())
    assert.ok(Math.max(...loads) - Math.min(...loads) <= 1, `loads ${loads.join()}`)
    const second = assignTasks(
      tasks,
      members.map((each) => ({ ...each, running: first.get(each.memberId) ?? [] })),
    )
    for (const [id, own] of first)
      assert.deepEqual(second.get(id)?.toSorted(), own.toSorted(), 'a second round moves nothing')
  }
})
