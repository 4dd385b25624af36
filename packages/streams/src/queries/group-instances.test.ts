import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fixedPlan } from '../../test/fixed-plan.ts'
import { taskAssignor } from '../runtime/assignment/task-assignor.ts'
import type { InstanceMetadata } from './group-instances.ts'
import { readApplicationServer, readInstances } from './group-instances.ts'

const plan = fixedPlan([{ id: 0, sourceTopics: ['in'], changelogs: new Map() }])

const member = (processId: string, applicationServer?: string) => {
  const told: { instances: readonly InstanceMetadata[]; generationId: number }[] = []
  const assignor = taskAssignor({
    processId,
    plan,
    rules: { standbyReplicas: 0, acceptableRecoveryLag: 0, maxWarmupReplicas: 1 },
    probingIntervalMs: 1_000,
    state: () => ({
      running: [],
      awaiting: [],
      standby: [],
      positions: new Map(),
      ends: new Map(),
      asks: 0,
    }),
    onTasks: () => {},
    applicationServer,
    onInstances: (instances, generationId) => void told.push({ instances, generationId }),
  })
  return { assignor, told }
}

test('every member is told which instance has which task and where it answers; threads of a process are one instance', () => {
  const [one, other, second] = [member('p1', 'a:1'), member('p1', 'a:1'), member('p2')]
  const all = [one, other, second].map(({ assignor }, index) => ({
    memberId: `m${index}`,
    instanceId: null,
    topics: ['in'],
    ownedPartitions: [],
    generationId: -1,
    userData: assignor.userData?.({ generationId: -1 }) ?? null,
  }))
  const shares = one.assignor.assign(all, new Map([['in', 3]]))
  for (const [index, { assignor, told }] of [one, other, second].entries()) {
    const { partitions, userData } = shares.get(`m${index}`) ?? assert.fail()
    assignor.onAssignment?.({ partitions, userData: userData ?? null }, 7)
    assert.equal(told[0]?.generationId, 7)
    assert.deepEqual(
      told[0].instances.map(({ processId, applicationServer, activeTasks }) => [
        processId,
        applicationServer,
        activeTasks.length,
      ]),
      [
        ['p1', 'a:1', 2],
        ['p2', undefined, 1],
      ],
    )
  }
})

test('an assignment without a map, or with another thing in its place, names nobody', () => {
  const { assignor, told } = member('p1')
  for (const userData of [null, Buffer.from('{'), Buffer.from('{"instances":7}')])
    assignor.onAssignment?.({ partitions: [], userData }, 1)
  assert.deepEqual(
    told.map(({ instances }) => instances),
    [[], [], []],
  )
  assert.deepEqual(readInstances([7, null, {}, { processId: 'p', activeTasks: [1, '0_0'] }]), [
    { processId: 'p', applicationServer: undefined, activeTasks: ['0_0'], standbyTasks: [] },
  ])
})

for (const { told, is } of [
  { told: 'host:1', is: true },
  { told: 'a.b-c.example:65535', is: true },
  { told: '[::1]:80', is: true },
  { told: 'host', is: false },
  { told: 'host:', is: false },
  { told: 'user@host:1', is: false },
  { told: 'host/path:1', is: false },
  { told: 7, is: false },
])
  test(`${JSON.stringify(told)} is ${is ? 'an' : 'no'} address of a query server`, () =>
    assert.equal(readApplicationServer(told) !== undefined, is))
