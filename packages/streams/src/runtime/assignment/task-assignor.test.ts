import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { GroupMember } from '@millrace/kafka'
import { fixedPlan } from '../../../test/fixed-plan.ts'
import {
  taskAssignor,
  type MemberState,
  type MemberTasks,
  type TaskAssignorOptions,
} from './task-assignor.ts'

const nothing: MemberState = {
  running: [],
  awaiting: [],
  standby: [],
  positions: new Map(),
  ends: new Map(),
  asks: 0,
}
const assignorOf = (
  processId: string,
  state: Partial<MemberState> = {},
  more: Partial<TaskAssignorOptions> = {},
) => {
  const told: MemberTasks[] = []
  const assignor = taskAssignor({
    processId,
    plan: fixedPlan([
      { id: 0, sourceTopics: ['left', 'right'], changelogs: new Map([['joined', 'joined-log']]) },
    ]),
    rules: { standbyReplicas: 0, acceptableRecoveryLag: 100, maxWarmupReplicas: 1 },
    probingIntervalMs: 1_234,
    state: () => ({ ...nothing, ...state }),
    onTasks: (tasks) => void told.push(tasks),
    ...more,
  })
  return { assignor, told }
}
const counts = new Map([
  ['left', 2],
  ['right', 2],
])
const partition = (index: number) => [
  { topic: 'left', partition: index },
  { topic: 'right', partition: index },
]
const member = (
  memberId: string,
  { assignor }: ReturnType<typeof assignorOf>,
  more: Partial<GroupMember> = {},
): GroupMember => ({
  memberId,
  instanceId: null,
  topics: ['left', 'right'],
  ownedPartitions: [],
  generationId: -1,
  userData: assignor.userData?.({ generationId: -1 }) ?? null,
  ...more,
})
/** What the leader says, as each member understands it. */
const dealt = (
  members: Readonly<Record<string, readonly [ReturnType<typeof assignorOf>, GroupMember]>>,
) => {
  const all = Object.values(members)
  const leader = all[0]?.[0].assignor ?? assert.fail()
  const shares = leader.assign(
    all.map(([, row]) => row),
    counts,
  )
  return Object.entries(members).map(([id, [{ assignor, told }]]) => {
    const { partitions, userData = null } = shares.get(id) ?? assert.fail()
    assignor.onAssignment?.({ partitions, userData }, 1)
    const { active, standby, probeInMs } = told.at(-1) ?? assert.fail()
    return {
      partitions: partitions.map((row) => `${row.topic}/${row.partition}`),
      active,
      standby,
      probeInMs,
    }
  })
}

test('a task that is to move stays away until its owner has given up all of it; its new member knows of it already (trap 49)', () => {
  const owner = assignorOf('p', { running: ['0_0', '0_1'] })
  const newcomer = assignorOf('q')
  const owned = [...partition(0), ...partition(1)]
  assert.deepEqual(
    dealt({
      a: [owner, member('a', owner, { ownedPartitions: owned, generationId: 5 })],
      b: [newcomer, member('b', newcomer)],
    }),
    [
      { partitions: ['left/1', 'right/1'], active: ['0_1'], standby: [], probeInMs: undefined },
      { partitions: [], active: ['0_0'], standby: [], probeInMs: undefined },
    ],
  )
  const awaiting = assignorOf('q', { awaiting: ['0_0'] })
  const [kept, given] = dealt({
    a: [owner, member('a', owner, { ownedPartitions: partition(1), generationId: 6 })],
    b: [awaiting, member('b', awaiting, { generationId: 6 })],
  })
  assert.deepEqual(kept?.partitions, ['left/1', 'right/1'])
  assert.deepEqual(given?.partitions, ['left/0', 'right/0'])
})

test('of two that say to own a task the later generation is right; of one generation neither is, and both give it up', () => {
  const [a, b] = [assignorOf('p'), assignorOf('q')]
  const claims = (generations: readonly [number, number]) =>
    dealt({
      a: [a, member('a', a, { ownedPartitions: partition(0), generationId: generations[0] })],
      b: [b, member('b', b, { ownedPartitions: partition(0), generationId: generations[1] })],
    }).map(({ partitions }) => partitions.filter((name) => name.endsWith('/0')))
  assert.deepEqual(claims([3, 5]), [[], ['left/0', 'right/0']])
  assert.deepEqual(claims([5, 3]), [['left/0', 'right/0'], []])
  assert.deepEqual(claims([5, 5]), [[], []])
})

test('one member sees to the next rebalance while a copy warms up', () => {
  const ends = new Map([
    ['0_0', 1_000],
    ['0_1', 1_000],
  ])
  const owner = assignorOf('p', { running: ['0_0', '0_1'], ends })
  const newcomer = assignorOf('q')
  const owned = [...partition(0), ...partition(1)]
  const [kept, warming] = dealt({
    a: [owner, member('a', owner, { ownedPartitions: owned, generationId: 5 })],
    b: [newcomer, member('b', newcomer)],
  })
  assert.deepEqual([kept?.active, kept?.probeInMs], [['0_0', '0_1'], 1_234])
  assert.deepEqual([warming?.standby, warming?.probeInMs], [['0_0'], undefined])
})

for (const { name, before, owned, after, dealAgain } of [
  {
    name: 'nothing where all is as it was',
    before: {},
    owned: [],
    after: {},
    dealAgain: undefined,
  },
  {
    name: 'anew where its address is another',
    before: { applicationServer: 'host:1' },
    owned: [],
    after: { applicationServer: 'host:2' },
    dealAgain: /topology or address/,
  },
  {
    name: 'anew where its topology is another',
    before: {},
    owned: [],
    after: { plan: fixedPlan([{ id: 0, sourceTopics: ['left'], changelogs: new Map() }]) },
    dealAgain: /topology or address/,
  },
  {
    name: 'anew where its former self was to give something up',
    before: {},
    owned: [...partition(0), ...partition(1)],
    after: {},
    dealAgain: /give something up/,
  },
])
  test(`a static member that is given what was dealt to its former self (KIP-345) has the group deal ${name}`, () => {
    const former = assignorOf('p', {}, before)
    const other = assignorOf('q')
    const rows = [
      member('a', former, { ownedPartitions: owned, generationId: 5 }),
      member('b', other),
    ]
    const share = former.assignor.assign(rows, counts).get('a') ?? assert.fail()
    former.assignor.onAssignment?.({ userData: null, ...share }, 6)
    assert.equal(former.told.at(-1)?.dealAgain, undefined, 'its own session knows')
    const back = assignorOf('p', {}, after)
    back.assignor.onAssignment?.({ userData: null, ...share }, 6)
    const said = back.told.at(-1)?.dealAgain
    if (dealAgain) assert.match(said ?? '', dealAgain)
    else assert.equal(said, undefined)
    assert.deepEqual(back.told.at(-1)?.active, former.told.at(-1)?.active)
  })

test('the wish to end everywhere is for those to whom it was dealt, not for who comes back to their place', () => {
  const ended: string[] = []
  const asking = assignorOf('p', {}, { asksForShutdown: true })
  const [former, back] = ['former', 'back'].map((name) =>
    assignorOf('q', {}, { onShutdown: () => void ended.push(name) }),
  ) as [ReturnType<typeof assignorOf>, ReturnType<typeof assignorOf>]
  const rows = [member('a', asking), member('b', former)]
  const share = asking.assignor.assign(rows, counts).get('b') ?? assert.fail()
  for (const { assignor } of [former, back])
    assignor.onAssignment?.({ userData: null, ...share }, 1)
  assert.deepEqual(ended, ['former'])
})

test('a member that asks for it says something new, or brokers would not deal out', () => {
  const words = [0, 1].map((asks) => {
    const userData = assignorOf('p', { asks }).assignor.userData?.({ generationId: 1 })
    const { session: _session, ...rest } = JSON.parse(String(userData)) as Record<string, unknown>
    return rest
  })
  assert.notDeepEqual(words[0], words[1])
})

for (const { name, userData } of [
  { name: 'none', userData: null },
  { name: 'no JSON', userData: Buffer.from('{') },
  { name: 'an array', userData: Buffer.from('[]') },
  {
    name: 'other things in every place',
    userData: Buffer.from(
      '{"processId":7,"running":{},"awaiting":"0_0","standby":[7],"positions":[],"ends":{"0_0":-1,"0_1":"x"}}',
    ),
  },
])
  test(`a member whose words cannot be read (${name}) counts as new, and gets its share (trap 49)`, () => {
    const [good, bad] = [assignorOf('p'), assignorOf('q')]
    const rows = dealt({
      a: [good, member('a', good)],
      b: [bad, member('b', bad, { userData })],
    })
    assert.deepEqual(
      rows.map(({ active }) => active.length),
      [1, 1],
    )
  })
