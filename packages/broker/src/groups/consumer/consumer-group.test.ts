import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLogger } from '@millrace/core'
import { SimulatedClock } from '@millrace/core/testing'
import * as fc from 'fast-check'
import { errorCodes } from '@millrace/protocol'
import { MemoryDisk } from '../../../test/memory-disk.ts'
import { BrokerState } from '../../broker-state.ts'
import type { ConsumerGroup } from './consumer-group.ts'
import type { HeartbeatAnswer, HeartbeatRequest } from './heartbeat.ts'
import { partitionRows, partitionSets, type PartitionSets } from './partition-sets.ts'

const groupId = 'g'
const sessionTimeoutMs = 10_000

/** A member as a client plays it: it takes what it is given, and gives up what it is told when `gives` says so. */
class Client {
  readonly id: string
  readonly #bench: Bench
  readonly #first: Partial<HeartbeatRequest>
  epoch = 0
  owned: PartitionSets = new Map()
  /** What the last answers make its part. */
  wanted: PartitionSets = new Map()
  answer: HeartbeatAnswer | undefined

  constructor(bench: Bench, id: string, first: Partial<HeartbeatRequest>) {
    this.#bench = bench
    this.id = id
    this.#first = first
  }

  /** Joins, or says what it owns; takes the answer's part at once. */
  beat(more: Partial<HeartbeatRequest> = {}): HeartbeatAnswer {
    const isJoining = this.epoch === 0
    this.answer = this.#bench.heartbeat({
      memberId: this.id,
      memberEpoch: this.epoch,
      owned: isJoining ? new Map() : this.owned,
      ...(isJoining ? { topicNames: ['t'], rebalanceTimeoutMs: 60_000, ...this.#first } : {}),
      ...(this.#first.instanceId === undefined ? {} : { instanceId: this.#first.instanceId }),
      ...more,
    })
    if (this.answer.errorCode !== 0) return this.answer
    this.epoch = this.answer.memberEpoch
    this.wanted = this.answer.assignment ?? this.wanted
    return this.answer
  }

  /** Gives up and takes over what it was told. */
  settle(): void {
    this.owned = this.wanted
  }

  /** As `t:0,1 u:2`. */
  get part(): string {
    return this.#bench.textOf(this.wanted)
  }
}

class Bench {
  readonly clock = new SimulatedClock()
  readonly disk = new MemoryDisk()
  state = this.#open()

  async topic(name: string, partitions: number): Promise<void> {
    await this.state.topics.create(name, partitions, new Map())
  }

  get group(): ConsumerGroup {
    const group = this.state.groups.find(groupId)
    assert.equal(group?.type, 'consumer')
    return group
  }

  client(id: string, first: Partial<HeartbeatRequest> = {}): Client {
    return new Client(this, id, first)
  }

  heartbeat(request: Partial<HeartbeatRequest>, version = 1): HeartbeatAnswer {
    return this.state.groups.consumerHeartbeat(
      {
        groupId,
        memberId: '',
        memberEpoch: 0,
        instanceId: null,
        rackId: null,
        clientId: 'client',
        clientHost: '127.0.0.1',
        rebalanceTimeoutMs: -1,
        topicNames: null,
        topicRegex: null,
        assignor: null,
        owned: null,
        maySee: () => true,
        ...request,
      },
      version,
    )
  }

  /** Lets everybody heartbeat until nothing changes any more. */
  rest(...clients: readonly Client[]): void {
    for (let round = 0; round < 10; round++) {
      for (const client of clients) {
        assert.equal(client.beat().errorCode, 0, client.answer?.errorMessage ?? '')
        client.settle()
      }
      if (this.group.state === 'STABLE') return
    }
    assert.fail(`the group does not come to rest: ${this.group.state}`)
  }

  textOf(sets: PartitionSets): string {
    return partitionRows(sets)
      .map(([id, partitions]) => `${this.state.topics.byId(id)?.name ?? '?'}:${partitions.join()}`)
      .toSorted()
      .join(' ')
  }

  restart(): void {
    this.state.groups.close()
    this.state = this.#open()
  }

  #open(): BrokerState {
    return BrokerState.open({
      directory: 'data',
      disk: this.disk,
      clock: this.clock,
      logger: silentLogger,
      consumerSessionTimeoutMs: sessionTimeoutMs,
    })
  }
}

const codeOf = ({ errorCode }: HeartbeatAnswer): number => errorCode

test('consumer group: the first member gets everything with its first heartbeat', async () => {
  const bench = new Bench()
  await bench.topic('t', 3)
  const a = bench.client('a')
  assert.equal(codeOf(a.beat()), 0)
  assert.deepEqual([a.epoch, a.part], [1, 't:0,1,2'])
  assert.equal(a.answer?.heartbeatIntervalMs, 1_000)
  assert.equal(bench.group.state, 'STABLE')
  a.settle()
  assert.equal(a.beat().assignment, null, 'nothing new')
})

test('consumer group: what moves is given up before another gets it, and only then epochs rise', async () => {
  const bench = new Bench()
  await bench.topic('t', 4)
  const [a, b] = [bench.client('a'), bench.client('b')]
  a.beat()
  a.settle()
  b.beat()
  assert.deepEqual([b.epoch, b.part], [2, ''], 'a holds all of it')
  assert.equal(bench.group.state, 'RECONCILING')
  a.beat()
  assert.deepEqual([a.epoch, a.part], [1, 't:0,1'], 'told to give up, in its old epoch')
  b.beat()
  assert.equal(b.part, '', 'a has not said that it did')
  a.beat()
  assert.equal(a.epoch, 1)
  a.settle()
  a.beat()
  assert.equal(a.epoch, 2)
  b.beat()
  assert.equal(b.part, 't:2,3')
  b.settle()
  assert.equal(bench.group.state, 'STABLE')
})

test('consumer group: a member that leaves, or is not heard of, leaves its part to the others', async () => {
  const bench = new Bench()
  await bench.topic('t', 4)
  const [a, b, c] = [bench.client('a'), bench.client('b'), bench.client('c')]
  a.beat()
  a.settle()
  bench.rest(a, b, c)
  assert.equal(codeOf(b.beat({ memberEpoch: -1 })), 0)
  assert.equal(b.answer?.memberEpoch, -1)
  assert.equal(bench.group.state, 'ASSIGNING')
  bench.rest(a, c)
  assert.equal(bench.group.memberCount, 2)
  await bench.clock.advance(sessionTimeoutMs - 1)
  a.beat()
  await bench.clock.advance(1)
  assert.equal(bench.group.memberCount, 1)
  bench.rest(a)
  assert.equal(a.part, 't:0,1,2,3')
  c.epoch = 3
  assert.equal(codeOf(c.beat()), errorCodes.UNKNOWN_MEMBER_ID)
  await bench.clock.advance(sessionTimeoutMs)
  assert.equal(bench.group.state, 'EMPTY')
})

test('consumer group: a member that does not give up in time is taken out', async () => {
  const bench = new Bench()
  await bench.topic('t', 2)
  const a = bench.client('a', { rebalanceTimeoutMs: 5_000 })
  const b = bench.client('b')
  a.beat()
  a.settle()
  b.beat()
  a.beat()
  await bench.clock.advance(4_999)
  a.beat()
  assert.equal(bench.group.memberCount, 2)
  await bench.clock.advance(1)
  assert.equal(bench.group.memberCount, 1)
  b.beat()
  assert.equal(b.part, 't:0,1')
})

test('consumer group: epochs that are not the member’s are fenced; the one before is an answer that was lost', async () => {
  const bench = new Bench()
  await bench.topic('t', 2)
  const a = bench.client('a')
  a.beat()
  const again = bench.client('a')
  assert.equal(codeOf(again.beat()), 0, 'the answer to its joining was lost')
  assert.deepEqual([again.epoch, again.part], [1, 't:0,1'])
  again.settle()
  const b = bench.client('b')
  b.beat()
  bench.rest(again, b)
  assert.equal(codeOf(bench.heartbeat({ memberId: 'a', memberEpoch: 1, owned: again.owned })), 0)
  const other = partitionSets([[bench.state.topics.byName('t')!.id, [0, 1]]])
  for (const [memberEpoch, owned] of [
    [1, other],
    [1, null],
    [0, new Map()],
    [7, again.owned],
  ] as const)
    assert.equal(
      codeOf(
        bench.heartbeat({
          memberId: 'a',
          memberEpoch,
          owned,
          topicNames: ['t'],
          rebalanceTimeoutMs: 1_000,
        }),
      ),
      errorCodes.FENCED_MEMBER_EPOCH,
      `epoch ${memberEpoch}`,
    )
})

test('consumer group: a static member comes back to its partitions; its instance is not given away meanwhile', async () => {
  const bench = new Bench()
  await bench.topic('t', 4)
  const a = bench.client('a', { instanceId: 'one' })
  const b = bench.client('b', { instanceId: 'two' })
  a.beat()
  a.settle()
  bench.rest(a, b)
  const [part, epoch] = [a.part, bench.group.generation]
  const thief = bench.client('x', { instanceId: 'one' })
  assert.equal(codeOf(thief.beat()), errorCodes.UNRELEASED_INSTANCE_ID)
  assert.equal(codeOf(a.beat({ memberEpoch: -2 })), 0)
  assert.equal(a.answer?.memberEpoch, -2)
  assert.equal(bench.group.state, 'RECONCILING')
  bench.restart()
  const back = bench.client('y', { instanceId: 'one' })
  assert.equal(codeOf(back.beat()), 0)
  assert.deepEqual([back.part, back.epoch], [part, epoch], 'nothing was dealt out anew')
  assert.equal(codeOf(a.beat({ memberEpoch: epoch })), errorCodes.FENCED_INSTANCE_ID)
  back.beat({ memberEpoch: -2 })
  await bench.clock.advance(sessionTimeoutMs)
  assert.equal(bench.group.state, 'EMPTY', 'it did not come back within its session')
})

test('consumer group: topics that come, grow and go make a new assignment', async () => {
  const bench = new Bench()
  const a = bench.client('a', { topicNames: ['t', 'u'] })
  a.beat()
  assert.deepEqual([a.epoch, a.part], [1, ''])
  await bench.topic('other', 1)
  a.beat()
  assert.equal(a.epoch, 1, 'a topic that it does not read')
  await bench.topic('t', 1)
  bench.rest(a)
  assert.deepEqual([a.epoch, a.part], [2, 't:0'])
  await bench.state.topics.addPartitions(bench.state.topics.byName('t')!, 3)
  await bench.topic('u', 1)
  bench.rest(a)
  assert.deepEqual([a.epoch, a.part], [3, 't:0,1,2 u:0'])
  bench.restart()
  a.beat()
  assert.equal(a.epoch, 3, 'a restart changes nothing')
  await bench.state.topics.delete(bench.state.topics.byName('t')!)
  bench.rest(a)
  assert.deepEqual([a.epoch, a.part], [4, 'u:0'])
})

test('consumer group: subscription by pattern finds what is there and what comes, if the member may see it', async () => {
  const bench = new Bench()
  await bench.topic('orders-eu', 1)
  await bench.topic('orders-secret', 1)
  const a = bench.client('a', { topicNames: [], topicRegex: 'orders-.*' })
  const maySee = (topic: string): boolean => topic !== 'orders-secret'
  a.beat({ maySee })
  assert.equal(a.part, 'orders-eu:0')
  a.settle()
  await bench.topic('orders-us', 2)
  await bench.topic('my-orders-us', 2)
  a.beat({ maySee })
  assert.equal(a.part, 'orders-eu:0 orders-us:0,1')
  assert.ok(bench.group.isSubscribedTo('orders-us'))
  a.settle()
  a.beat({ topicRegex: '', topicNames: ['orders-us'] })
  a.settle()
  assert.equal(a.part, 'orders-us:0,1')
  const answer = a.beat({ topicRegex: '(' })
  assert.equal(answer.errorCode, errorCodes.INVALID_REGULAR_EXPRESSION)
  assert.match(answer.errorMessage ?? '', /missing closing \)/)
})

test('consumer group: members, epochs, targets and partitions outlive a crash, also in the middle of a rebalance', async () => {
  const bench = new Bench()
  await bench.topic('t', 6)
  const [a, b, c] = [bench.client('a'), bench.client('b'), bench.client('c')]
  a.beat()
  a.settle()
  bench.rest(a, b)
  c.beat()
  a.beat()
  bench.restart()
  a.settle()
  assert.equal(codeOf(a.beat()), 0)
  bench.state.journal.compact()
  bench.restart()
  bench.rest(a, b, c)
  assert.deepEqual(
    [a, b, c].map(({ part }) => part.split(',').length),
    [2, 2, 2],
  )
  bench.restart()
  await bench.clock.advance(sessionTimeoutMs)
  assert.equal(bench.group.state, 'EMPTY', 'sessions began anew with the restart')
  bench.restart()
  assert.equal(bench.group.state, 'EMPTY')
})

test('consumer group: the assignor that most members want deals out', async () => {
  const bench = new Bench()
  await bench.topic('t', 3)
  await bench.topic('u', 3)
  const topicNames = ['t', 'u']
  const a = bench.client('a', { topicNames, assignor: 'range' })
  const b = bench.client('b', { topicNames, assignor: 'range' })
  const c = bench.client('c', { topicNames, assignor: 'uniform' })
  a.beat()
  a.settle()
  bench.rest(a, b)
  assert.equal(bench.group.protocol, 'range')
  assert.deepEqual([a.part, b.part], ['t:0,1 u:0,1', 't:2 u:2'])
  bench.rest(a, b, c)
  assert.equal(bench.group.protocol, 'range')
  assert.equal(
    codeOf(bench.client('d', { assignor: 'sticky' }).beat()),
    errorCodes.UNSUPPORTED_ASSIGNOR,
  )
})

test('consumer group: requests that make no sense are refused before any group is made', () => {
  const bench = new Bench()
  const join = { memberId: 'a', owned: new Map(), topicNames: ['t'], rebalanceTimeoutMs: 1_000 }
  const cases: readonly Partial<HeartbeatRequest>[] = [
    { memberId: '' },
    { groupId: ' ' },
    { instanceId: '' },
    { rackId: '' },
    { rebalanceTimeoutMs: -1 },
    { owned: null },
    { owned: new Map([['id', new Set([1])]]) },
    { topicNames: null },
    { memberEpoch: -2 },
    { memberEpoch: -3 },
  ]
  for (const wrong of cases)
    assert.equal(codeOf(bench.heartbeat({ ...join, ...wrong })), errorCodes.INVALID_REQUEST)
  assert.equal(
    codeOf(bench.heartbeat({ memberId: 'a', memberEpoch: 1 })),
    errorCodes.GROUP_ID_NOT_FOUND,
  )
  assert.equal(
    codeOf(bench.heartbeat({ ...join, topicRegex: '[' })),
    errorCodes.INVALID_REGULAR_EXPRESSION,
  )
  assert.equal(bench.state.groups.groupCount, 0)
})

test('consumer group: offsets are committed and read in the member’s epoch', async () => {
  const bench = new Bench()
  await bench.topic('t', 1)
  const a = bench.client('a')
  a.beat()
  const { groups } = bench.state
  const committer = { groupId, memberId: 'a', instanceId: null, generation: 1, version: 9 }
  assert.equal(groups.checkCommit(committer), 0)
  assert.equal(groups.checkCommit({ ...committer, version: 8 }), errorCodes.UNSUPPORTED_VERSION)
  assert.equal(groups.checkCommit({ ...committer, generation: 0 }), errorCodes.STALE_MEMBER_EPOCH)
  assert.equal(groups.checkCommit({ ...committer, memberId: 'b' }), errorCodes.UNKNOWN_MEMBER_ID)
  assert.equal(groups.checkTransactionCommit(committer), 0)
  assert.equal(
    groups.checkTransactionCommit({ ...committer, generation: 2 }),
    errorCodes.ILLEGAL_GENERATION,
  )
  assert.equal(groups.checkFetch(groupId, 'a', 1), 0)
  assert.equal(groups.checkFetch(groupId, 'a', 0), errorCodes.STALE_MEMBER_EPOCH)
  assert.equal(groups.checkFetch(groupId, 'b', 1), errorCodes.UNKNOWN_MEMBER_ID)
  assert.equal(groups.checkFetch(groupId, null, -1), 0)
  await groups.commit(groupId, [['t', 0, 7, -1, '']])
  bench.restart()
  assert.equal(bench.state.groups.committed(groupId, 't', 0)?.offset, 7)
  assert.equal(await bench.state.groups.deleteGroup(groupId), errorCodes.NON_EMPTY_GROUP)
  a.beat({ memberEpoch: -1 })
  assert.equal(await bench.state.groups.deleteGroup(groupId), 0)
  bench.restart()
  assert.equal(bench.state.groups.find(groupId), undefined)
})

test('consumer group: a group without members changes its protocol and keeps its offsets; one with members does not', async () => {
  const bench = new Bench()
  await bench.topic('t', 1)
  const join = (memberId = '') =>
    Promise.resolve(
      bench.state.groups.join(groupId, {
        memberId,
        instanceId: null,
        clientId: 'client',
        clientHost: '127.0.0.1',
        sessionTimeoutMs: 10_000,
        rebalanceTimeoutMs: 60_000,
        protocolType: 'consumer',
        protocols: [{ name: 'range', metadata: Buffer.alloc(0) }],
        requiresKnownMemberId: false,
        maySkipAssignment: true,
      }),
    )
  await bench.state.groups.commit(groupId, [['t', 0, 7, -1, '']])
  const a = bench.client('a')
  assert.equal(codeOf(a.beat()), 0, 'from a group that only had offsets')
  assert.equal((await join()).errorCode, errorCodes.INCONSISTENT_GROUP_PROTOCOL)
  a.beat({ memberEpoch: -1 })
  assert.equal((await join('x')).errorCode, errorCodes.UNKNOWN_MEMBER_ID)
  const joined = await join()
  assert.equal(joined.errorCode, 0)
  assert.equal(bench.state.groups.find(groupId)?.type, 'classic')
  await bench.state.groups.sync(groupId, {
    memberId: joined.memberId,
    instanceId: null,
    generation: joined.generation,
    protocolType: null,
    protocol: null,
    assignments: new Map(),
  })
  const refused = bench.client('b').beat()
  assert.equal(refused.errorCode, errorCodes.GROUP_ID_NOT_FOUND)
  bench.restart()
  assert.equal(bench.state.groups.find(groupId)?.type, 'classic')
  assert.equal(bench.state.groups.committed(groupId, 't', 0)?.offset, 7)
  assert.equal(bench.state.groups.leave(groupId, joined.memberId, null), 0)
  assert.equal(codeOf(bench.client('c').beat()), 0)
  bench.restart()
  assert.equal(bench.group.memberCount, 1)
  assert.equal(bench.state.groups.committed(groupId, 't', 0)?.offset, 7)
  assert.equal(bench.state.groups.leave(groupId, 'c', null), 0, 'an admin takes it out')
})

test('consumer group: a full disk does not stop a group', async () => {
  const bench = new Bench()
  await bench.topic('t', 2)
  const a = bench.client('a')
  a.beat()
  a.settle()
  bench.disk.freeBytes = 0
  const b = bench.client('b')
  assert.equal(codeOf(b.beat()), 0)
  bench.rest(a, b)
  bench.disk.freeBytes = Infinity
  bench.restart()
  assert.equal(codeOf(b.beat()), errorCodes.UNKNOWN_MEMBER_ID, 'the crash has forgotten it')
})

/** One step of the simulation below; `who` picks a member. */
const steps = fc.array(
  fc.record({
    what: fc.constantFrom(
      'join',
      'join',
      'beat',
      'beat',
      'beat',
      'beat',
      'settle',
      'settle',
      'lostAnswer',
      'leave',
      'die',
      'crash',
      'compact',
      'grow',
    ),
    who: fc.nat(5),
  }),
  { minLength: 5, maxLength: 80 },
)

test('consumer group: whatever happens, no partition has two owners, and the group comes to rest with all dealt out', async () => {
  await fc.assert(
    fc.asyncProperty(steps, fc.constantFrom('uniform', 'range'), async (all, assignor) => {
      const bench = new Bench()
      await bench.topic('t', 5)
      let partitions = 5
      let made = 0
      const live: Client[] = []
      const expectOneOwner = (): void => {
        const owned = live.flatMap((each) => [...(each.owned.values().next().value ?? [])])
        assert.equal(new Set(owned).size, owned.length, `two own one of ${owned.join()}`)
      }
      for (const { what, who } of all) {
        const client = live[who % Math.max(live.length, 1)]
        if (what === 'join') live.push(bench.client(`m${made++}`, { assignor }))
        else if (what === 'grow') {
          partitions++
          await bench.state.topics.addPartitions(bench.state.topics.byName('t')!, partitions)
        } else if (what === 'crash') bench.restart()
        else if (what === 'compact') bench.state.journal.compact()
        else if (client === undefined) continue
        else if (what === 'beat') assert.equal(client.beat().errorCode, 0)
        else if (what === 'settle') client.settle()
        else if (what === 'lostAnswer') {
          // The broker acts on it and the member never hears of it: it says everything again. Once only: as in Apache Kafka the epoch before is
          // forgiven, older ones are fenced, a join's too.
          const { epoch, wanted } = client
          client.beat()
          Object.assign(client, { epoch, wanted })
          const again = client.beat({ topicNames: ['t'], rebalanceTimeoutMs: 60_000 })
          assert.equal(again.errorCode, 0)
        } else {
          live.splice(live.indexOf(client), 1)
          if (what === 'leave' && client.epoch > 0) client.beat({ memberEpoch: -1 })
          else await outlast(bench, live)
        }
        expectOneOwner()
      }
      if (live.length === 0) return
      bench.rest(...live)
      expectOneOwner()
      const owned = live.flatMap((each) => [...(each.owned.values().next().value ?? [])])
      assert.equal(owned.length, partitions)
      if (assignor === 'range') return
      const sizes = live.map((each) => [...(each.owned.values().next().value ?? [])].length)
      assert.ok(Math.max(...sizes) - Math.min(...sizes) <= 1, sizes.join())
    }),
    { numRuns: 150 },
  )
})

/** Lets a session run out while the others go on. */
async function outlast(bench: Bench, live: readonly Client[]): Promise<void> {
  for (let part = 0; part < 3; part++) {
    await bench.clock.advance(sessionTimeoutMs / 2)
    for (const client of live) assert.equal(client.beat().errorCode, 0)
  }
}
