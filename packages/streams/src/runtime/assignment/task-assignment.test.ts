import assert from 'node:assert/strict'
import { test } from 'node:test'
import { randomInt, seededRandom, type Random } from '@millrace/core'
import type { AssignableTask, AssignmentMember, AssignmentRules } from './assignment-plan.ts'
import { assignTasks, type TaskAssignment } from './task-assignment.ts'

const rules: AssignmentRules = {
  standbyReplicas: 0,
  acceptableRecoveryLag: 10_000,
  maxWarmupReplicas: 2,
}

const tasksOf = (...partitions: readonly number[]): readonly AssignableTask[] =>
  partitions.flatMap((count, subtopology) =>
    Array.from({ length: count }, (_, partition) => ({
      id: `${subtopology}_${partition}`,
      subtopology,
      isStateful: true,
    })),
  )
interface Having {
  readonly process?: string
  readonly running?: readonly string[]
  readonly awaiting?: readonly string[]
  readonly standby?: readonly string[]
  readonly positions?: Readonly<Record<string, number>>
  readonly ends?: Readonly<Record<string, number>>
}
const member = (memberId: string, having: Having = {}): AssignmentMember => ({
  memberId,
  processId: having.process ?? `process-${memberId}`,
  active: having.running ?? [],
  running: having.running ?? [],
  awaiting: having.awaiting ?? [],
  standby: having.standby ?? [],
  positions: new Map(Object.entries(having.positions ?? {})),
  ends: new Map(Object.entries(having.ends ?? {})),
})
/** `a: 0_0 0_1 / 1_0` is a with two active tasks and a standby. */
const described = ({ shares }: TaskAssignment): readonly string[] =>
  [...shares]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([id, { active, standby }]) =>
      `${id}: ${active.join(' ')}${standby.length > 0 ? ` / ${standby.join(' ')}` : ''}`.trimEnd(),
    )

interface Case {
  readonly name: string
  readonly tasks: readonly AssignableTask[]
  readonly members: readonly AssignmentMember[]
  readonly rules?: Partial<AssignmentRules>
  readonly expected: readonly string[]
  readonly isProbingNeeded?: boolean
}
const cases: readonly Case[] = [
  {
    name: 'everything goes to the only member',
    tasks: tasksOf(2, 1),
    members: [member('a')],
    expected: ['a: 0_0 0_1 1_0'],
  },
  {
    name: 'two subtopologies are spread over both members',
    tasks: tasksOf(2, 2),
    members: [member('a'), member('b')],
    expected: ['a: 0_0 1_0', 'b: 0_1 1_1'],
  },
  {
    name: 'what runs stays, and a newcomer gets no more than the balance asks for',
    tasks: tasksOf(4),
    members: [member('a', { running: ['0_0', '0_1', '0_2', '0_3'] }), member('b')],
    expected: ['a: 0_2 0_3', 'b: 0_0 0_1'],
  },
  {
    name: 'an odd task stays with whoever ran it',
    tasks: tasksOf(3),
    members: [member('a', { running: ['0_2'] }), member('b', { running: ['0_0', '0_1'] })],
    expected: ['a: 0_2', 'b: 0_0 0_1'],
  },
  {
    name: 'a task that nobody runs goes where its state is most complete',
    tasks: tasksOf(2),
    members: [
      member('a', { positions: { '0_0': 10_000, '0_1': 50_000 } }),
      member('b', { positions: { '0_0': 90_000 } }),
    ],
    expected: ['a: 0_1', 'b: 0_0'],
  },
  {
    name: 'more members than tasks leaves some idle',
    tasks: tasksOf(1),
    members: [member('a'), member('b')],
    expected: ['a: 0_0', 'b:'],
  },
  {
    name: 'a newcomer without state warms up first, two tasks at a time, and what it is to have runs on',
    tasks: tasksOf(6),
    members: [
      member('a', {
        running: ['0_0', '0_1', '0_2', '0_3', '0_4', '0_5'],
        ends: Object.fromEntries(tasksOf(6).map(({ id }) => [id, 1_000_000])),
      }),
      member('b'),
    ],
    expected: ['a: 0_0 0_1 0_2 0_3 0_4 0_5', 'b:  / 0_0 0_1'],
    isProbingNeeded: true,
  },
  {
    name: 'what has warmed up moves, the next ones warm up',
    tasks: tasksOf(6),
    members: [
      member('a', {
        running: ['0_0', '0_1', '0_2', '0_3', '0_4', '0_5'],
        ends: Object.fromEntries(tasksOf(6).map(({ id }) => [id, 1_000_000])),
      }),
      member('b', {
        standby: ['0_0', '0_1'],
        positions: { '0_0': 999_000, '0_1': 200_000 },
      }),
    ],
    expected: ['a: 0_1 0_2 0_3 0_4 0_5', 'b: 0_0 / 0_1 0_2'],
    isProbingNeeded: true,
  },
  {
    name: 'a task that is to move is not given to a third when it has been given up',
    tasks: tasksOf(4),
    members: [
      member('a', { running: ['0_2', '0_3'], positions: { '0_0': 50_000, '0_1': 50_000 } }),
      member('b', { awaiting: ['0_0', '0_1'], positions: { '0_0': 49_000, '0_1': 49_000 } }),
    ],
    expected: ['a: 0_2 0_3', 'b: 0_0 0_1'],
  },
  {
    name: 'who lacks little counts as caught up',
    tasks: tasksOf(2),
    members: [
      member('a', { running: ['0_0', '0_1'], ends: { '0_0': 10_000, '0_1': 10_001 } }),
      member('b'),
    ],
    expected: ['a: 0_1', 'b: 0_0'],
  },
  {
    name: 'a standby takes over from one that is gone, though another has less to do',
    tasks: tasksOf(2),
    members: [
      member('a', { running: ['0_0'], ends: { '0_0': 1_000_000 } }),
      member('b', { standby: ['0_1'], positions: { '0_1': 1_000_000 } }),
      member('c'),
    ],
    expected: ['a: 0_0', 'b: 0_1', 'c:'],
  },
  {
    name: 'standbys are on other processes, whichever thread has the task',
    tasks: tasksOf(2),
    members: [
      member('a1', { process: 'a', running: ['0_0'] }),
      member('a2', { process: 'a', running: ['0_1'] }),
      member('b'),
    ],
    rules: { standbyReplicas: 2 },
    expected: ['a1: 0_0', 'a2: 0_1', 'b:  / 0_0 0_1'],
  },
  {
    name: 'a process with twice the threads gets twice the tasks',
    tasks: tasksOf(6),
    members: [member('a1', { process: 'a' }), member('a2', { process: 'a' }), member('b')],
    expected: ['a1: 0_0 0_4', 'a2: 0_2 0_5', 'b: 0_1 0_3'],
  },
  {
    name: 'one that is restoring hands over to a copy that is caught up, and goes on as standby',
    tasks: tasksOf(1),
    members: [
      {
        ...member('a', { positions: { '0_0': 100 }, ends: { '0_0': 500_000 } }),
        active: ['0_0'],
      },
      member('b', { standby: ['0_0'], positions: { '0_0': 499_000 } }),
    ],
    expected: ['a:  / 0_0', 'b: 0_0'],
    isProbingNeeded: true,
  },
  {
    name: 'tasks without state move at once, and are no standbys',
    tasks: tasksOf(2).map((task) => ({ ...task, isStateful: false })),
    members: [member('a', { running: ['0_0', '0_1'] }), member('b')],
    rules: { standbyReplicas: 1 },
    expected: ['a: 0_1', 'b: 0_0'],
  },
]
for (const { name, tasks, members, expected, isProbingNeeded = false, ...given } of cases)
  test(`assignment: ${name}`, () => {
    const assignment = assignTasks(tasks, members, { ...rules, ...given.rules })
    assert.deepEqual(described(assignment), expected)
    assert.equal(assignment.isProbingNeeded, isProbingNeeded)
  })

const endOffset = 1_000_000

/** A cluster with anything in it: threads per process, roles and copies that contradict each other. */
function randomCluster(random: Random) {
  const tasks = tasksOf(1 + randomInt(random, 8), randomInt(random, 8)).map((task) => ({
    ...task,
    isStateful: task.subtopology === 0,
  }))
  const ids = tasks.map(({ id }) => id)
  const some = (share: number): string[] => ids.filter(() => random.float() < share)
  const members = Array.from({ length: 1 + randomInt(random, 4) }, (_, process) =>
    Array.from({ length: 1 + randomInt(random, 3) }, (_, thread) =>
      member(`m${process}-${thread}`, {
        process: `p${process}`,
        running: some(0.2),
        awaiting: some(0.05),
        standby: some(0.2),
        positions: Object.fromEntries(
          some(0.4).map((id) => [
            id,
            random.float() < 0.3 ? endOffset : randomInt(random, endOffset),
          ]),
        ),
        ends: Object.fromEntries(some(0.3).map((id) => [id, endOffset])),
      }),
    ),
  ).flat()
  const standbyReplicas = randomInt(random, 3)
  return {
    tasks,
    members,
    rules: { ...rules, standbyReplicas, maxWarmupReplicas: 1 + randomInt(random, 3) },
  }
}

/** The members once they have done as they were told, and every copy has caught up. */
function settled(
  members: readonly AssignmentMember[],
  { shares }: TaskAssignment,
  tasks: readonly AssignableTask[],
): readonly AssignmentMember[] {
  const stateful = new Set(tasks.flatMap(({ id, isStateful }) => (isStateful ? [id] : [])))
  return members.map(({ memberId, processId }) => {
    const { active = [], standby = [] } = shares.get(memberId) ?? {}
    return member(memberId, {
      process: processId,
      running: active,
      standby,
      positions: Object.fromEntries(
        [...active, ...standby].filter((id) => stateful.has(id)).map((id) => [id, endOffset]),
      ),
    })
  })
}

test('assignment: whatever came before, every task runs once, copies are on other processes, and probing ends in even loads that stay (trap 50)', () => {
  const random = seededRandom(7)
  for (let round = 0; round < 400; round++) {
    const { tasks, rules: own, ...cluster } = randomCluster(random)
    let members: readonly AssignmentMember[] = cluster.members
    let assignment = assignTasks(tasks, members, own)
    let probings = 0
    for (; ; probings++) {
      assertSound(tasks, members, assignment, own)
      members = settled(members, assignment, tasks)
      if (!assignment.isProbingNeeded) break
      assert.ok(probings < 30, `round ${round}: probing ends`)
      assignment = assignTasks(tasks, members, own)
    }
    assertEven(members, assignment)
    const again = assignTasks(tasks, members, own)
    assert.deepEqual(described(again), described(assignment), `round ${round}: nothing moves`)
    assert.equal(again.isProbingNeeded, false)
  }
})

function processOf(members: readonly AssignmentMember[], memberId: string): string {
  return members.find((each) => each.memberId === memberId)?.processId ?? ''
}

function assertSound(
  tasks: readonly AssignableTask[],
  members: readonly AssignmentMember[],
  { shares }: TaskAssignment,
  { standbyReplicas, maxWarmupReplicas }: AssignmentRules,
): void {
  const all = [...shares.values()].flatMap(({ active }) => active)
  assert.deepEqual(all.toSorted(), tasks.map(({ id }) => id).toSorted(), 'every task once')
  const places = [...shares].flatMap(([memberId, { active, standby }]) =>
    [...active, ...standby].map((id) => `${processOf(members, memberId)} ${id}`),
  )
  assert.equal(new Set(places).size, places.length, 'one copy of a task per process')
  const processCount = new Set(members.map(({ processId }) => processId)).size
  const wanted = Math.min(standbyReplicas, processCount - 1)
  let extraCount = 0
  for (const { id, isStateful } of tasks) {
    const copies = [...shares.values()].filter(({ standby }) => standby.includes(id)).length
    if (isStateful) assert.ok(copies >= wanted, `${copies} copies of ${id}`)
    else assert.equal(copies, 0)
    extraCount += Math.max(0, copies - wanted)
  }
  assert.ok(extraCount <= maxWarmupReplicas, `${extraCount} copies warm up`)
}

function assertEven(members: readonly AssignmentMember[], { shares }: TaskAssignment): void {
  const perThread = new Map<string, number[]>()
  for (const [memberId, { active }] of shares) {
    const process = processOf(members, memberId)
    perThread.set(process, [...(perThread.get(process) ?? []), active.length])
  }
  const loads = [...perThread.values()].map(
    (counts) => counts.reduce((sum, count) => sum + count, 0) / counts.length,
  )
  assert.ok(Math.max(...loads) - Math.min(...loads) <= 1, `loads ${loads.join()}`)
}
