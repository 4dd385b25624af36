import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLogger } from '@millrace/core'
import { SimulatedClock } from '@millrace/core/testing'
import { errorCodes } from '@millrace/protocol'
import { MemoryDisk } from '../../../test/memory-disk.ts'
import { BrokerState } from '../../broker-state.ts'
import { limits } from '../../limits.ts'
import type { GroupCoordinator } from '../coordinator.ts'
import type { JoinRequest, JoinResult, SyncResult } from './group-requests.ts'

const groupId = 'g'

/** A coordinator on a clock that the test moves; `restart` reads the same disk anew, as after a crash. */
class Bench {
  readonly clock = new SimulatedClock()
  readonly disk = new MemoryDisk()
  readonly #delayMs: number
  state: BrokerState

  constructor(initialRebalanceDelayMs = 0) {
    this.#delayMs = initialRebalanceDelayMs
    this.state = this.#open()
  }

  get groups(): GroupCoordinator {
    return this.state.groups
  }

  get group() {
    return this.groups.find(groupId)!
  }

  restart(): void {
    this.groups.close()
    this.state = this.#open()
  }

  join(options: Partial<JoinRequest> = {}): Promise<JoinResult> {
    const request: JoinRequest = {
      memberId: '',
      instanceId: null,
      clientId: 'client',
      clientHost: '127.0.0.1',
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 60_000,
      protocolType: 'consumer',
      protocols: [{ name: 'range', metadata: Buffer.from('topics') }],
      requiresKnownMemberId: false,
      maySkipAssignment: true,
      ...options,
    }
    return Promise.resolve(this.groups.join(groupId, request))
  }

  sync(joined: JoinResult, parts: Record<string, string> = {}): Promise<SyncResult> {
    return Promise.resolve(
      this.groups.sync(groupId, {
        memberId: joined.memberId,
        instanceId: null,
        generation: joined.generation,
        protocolType: joined.protocolType,
        protocol: joined.protocol,
        assignments: new Map(
          Object.entries(parts).map(([memberId, part]) => [memberId, Buffer.from(part)]),
        ),
      }),
    )
  }

  heartbeat(joined: JoinResult): number {
    return this.groups.heartbeat(groupId, joined.memberId, null, joined.generation)
  }

  /** A stable group of `count` members: the leader first. */
  async stable(count: number, options: Partial<JoinRequest> = {}): Promise<JoinResult[]> {
    const first = await this.join(options)
    const ids = [first.memberId]
    let joins: JoinResult[] = [first]
    for (let n = 1; n < count; n++) {
      const pending = this.join(options)
      const again = ids.map((memberId) => this.join({ ...options, memberId }))
      joins = await Promise.all([...again, pending])
      ids.push(joins.at(-1)!.memberId)
    }
    const leader = joins.find(({ memberId, leader }) => memberId === leader)!
    const syncs = joins.map((joined) =>
      this.sync(
        joined,
        joined === leader ? Object.fromEntries(ids.map((id) => [id, `part of ${id}`])) : {},
      ),
    )
    for (const result of await Promise.all(syncs)) assert.equal(result.errorCode, 0)
    assert.equal(this.group.state, 'STABLE')
    return joins
  }

  #open(): BrokerState {
    return BrokerState.open({
      directory: 'data',
      disk: this.disk,
      clock: this.clock,
      logger: silentLogger,
      initialRebalanceDelayMs: this.#delayMs,
    })
  }
}

/** The promise's value if it has settled. */
async function settled<T>(promise: Promise<T>): Promise<T | undefined> {
  const pending = Symbol('pending')
  const result = await Promise.race([
    promise,
    new Promise((resolve) => setImmediate(() => resolve(pending))),
  ])
  return result === pending ? undefined : (result as T)
}

test('group: the first member leads, gets everybody and hands out the assignment', async () => {
  const bench = new Bench()
  const joined = await bench.join()
  assert.equal(joined.errorCode, 0)
  assert.equal(joined.generation, 1)
  assert.equal(joined.leader, joined.memberId)
  assert.deepEqual(
    joined.members.map(({ memberId, metadata }) => [memberId, String(metadata)]),
    [[joined.memberId, 'topics']],
  )
  assert.equal(bench.group.state, 'COMPLETING_REBALANCE')
  const synced = await bench.sync(joined, { [joined.memberId]: 'all' })
  assert.equal(String(synced.assignment), 'all')
  assert.equal(bench.group.state, 'STABLE')
  assert.equal(bench.heartbeat(joined), 0)
})

test('group: a member without id is given one and the barrier waits for it (KIP-394)', async () => {
  const bench = new Bench()
  const first = await bench.join({ requiresKnownMemberId: true })
  assert.equal(first.errorCode, errorCodes.MEMBER_ID_REQUIRED)
  const second = await bench.join({ requiresKnownMemberId: true })
  const joining = bench.join({ memberId: first.memberId })
  assert.equal(await settled(joining), undefined)
  await bench.clock.advance(10_000)
  const joined = await joining
  assert.equal(joined.errorCode, 0, 'the second id was given up after its session')
  assert.equal(
    (await bench.join({ memberId: second.memberId })).errorCode,
    errorCodes.UNKNOWN_MEMBER_ID,
  )
})

test('group: a second member makes the first rejoin, both get their parts', async () => {
  const bench = new Bench()
  const [leader] = await bench.stable(1)
  const joining = bench.join()
  assert.equal(await settled(joining), undefined)
  assert.equal(bench.heartbeat(leader!), errorCodes.REBALANCE_IN_PROGRESS)
  const [again, second] = await Promise.all([bench.join({ memberId: leader!.memberId }), joining])
  assert.equal(again.generation, 2)
  assert.equal(second.generation, 2)
  assert.equal(second.members.length, 0)
  assert.equal(again.members.length, 2)
  const follower = bench.sync(second)
  assert.equal(await settled(follower), undefined)
  await bench.sync(again, { [again.memberId]: 'a', [second.memberId]: 'b' })
  assert.equal(String((await follower).assignment), 'b')
})

test('group: who does not come back in time is left behind', async () => {
  const bench = new Bench()
  const [leader] = await bench.stable(1, { rebalanceTimeoutMs: 5_000, sessionTimeoutMs: 30_000 })
  const joining = bench.join({ rebalanceTimeoutMs: 5_000 })
  await bench.clock.advance(4_999)
  assert.equal(await settled(joining), undefined)
  await bench.clock.advance(1)
  const joined = await joining
  assert.equal(joined.leader, joined.memberId)
  assert.equal(bench.heartbeat(leader!), errorCodes.UNKNOWN_MEMBER_ID)
})

test('group: who takes its generation and never syncs is removed', async () => {
  const bench = new Bench()
  const options = { rebalanceTimeoutMs: 5_000, sessionTimeoutMs: 30_000 }
  const leader = await bench.join(options)
  assert.equal(bench.group.state, 'COMPLETING_REBALANCE')
  await bench.clock.advance(5_000)
  assert.equal(bench.group.state, 'EMPTY')
  assert.equal((await bench.sync(leader)).errorCode, errorCodes.UNKNOWN_MEMBER_ID)
})

test('group: a follower that waits for a silent leader is told to rejoin', async () => {
  const bench = new Bench()
  const options = { rebalanceTimeoutMs: 5_000, sessionTimeoutMs: 30_000 }
  const [leader] = await bench.stable(1, options)
  const joining = bench.join(options)
  await Promise.all([bench.join({ ...options, memberId: leader!.memberId }), joining])
  const waiting = bench.sync(await joining)
  await bench.clock.advance(5_000)
  assert.equal((await waiting).errorCode, errorCodes.REBALANCE_IN_PROGRESS)
  assert.equal(bench.group.memberCount, 1)
})

test('group: a member not heard of within its session is removed, one that heartbeats stays', async () => {
  const bench = new Bench()
  const [leader, second] = await bench.stable(2)
  for (let n = 0; n < 5; n++) {
    await bench.clock.advance(3_000)
    bench.heartbeat(leader!)
  }
  assert.equal(bench.heartbeat(leader!), errorCodes.REBALANCE_IN_PROGRESS)
  assert.equal(bench.heartbeat(second!), errorCodes.UNKNOWN_MEMBER_ID)
})

test('group: a member that waits in the barrier is not missed', async () => {
  const bench = new Bench()
  const [first] = await bench.stable(1, { sessionTimeoutMs: 60_000 })
  const waiting = bench.join({ sessionTimeoutMs: 6_000 })
  await bench.clock.advance(50_000)
  assert.equal(await settled(waiting), undefined)
  const [, joined] = await Promise.all([
    bench.join({ memberId: first!.memberId, sessionTimeoutMs: 60_000 }),
    waiting,
  ])
  assert.equal(joined.errorCode, 0)
})

test('group: leaving rebalances at once and the last one leaves it empty', async () => {
  const bench = new Bench()
  const [leader, second] = await bench.stable(2)
  assert.equal(bench.groups.leave(groupId, leader!.memberId, null), 0)
  assert.equal(bench.heartbeat(second!), errorCodes.REBALANCE_IN_PROGRESS)
  const joined = await bench.join({ memberId: second!.memberId })
  assert.equal(joined.leader, second!.memberId)
  await bench.sync(joined, { [joined.memberId]: 'all' })
  assert.equal(bench.groups.leave(groupId, joined.memberId, null), 0)
  assert.equal(bench.group.state, 'EMPTY')
  assert.equal(bench.groups.leave(groupId, joined.memberId, null), errorCodes.UNKNOWN_MEMBER_ID)
})

test('group: an unchanged follower rejoins without a rebalance; the leader or a new subscription causes one', async () => {
  const bench = new Bench()
  const [leader, follower] = await bench.stable(2)
  const same = await bench.join({ memberId: follower!.memberId })
  assert.equal(same.generation, 2)
  assert.equal(bench.group.state, 'STABLE')
  const changed = bench.join({
    memberId: follower!.memberId,
    protocols: [{ name: 'range', metadata: Buffer.from('other topics') }],
  })
  assert.equal(await settled(changed), undefined)
  const [again] = await Promise.all([bench.join({ memberId: leader!.memberId }), changed])
  assert.equal(again.generation, 3)
})

test('group: the strategy that all know and most prefer is taken; none in common is refused', async () => {
  const bench = new Bench()
  const protocols = (...names: string[]) =>
    names.map((name) => ({ name, metadata: Buffer.from(name) }))
  const [first] = await bench.stable(1, { protocols: protocols('sticky', 'range') })
  const joining = bench.join({ protocols: protocols('range', 'roundrobin') })
  const [joined] = await Promise.all([
    bench.join({ memberId: first!.memberId, protocols: protocols('sticky', 'range') }),
    joining,
  ])
  assert.equal(joined.protocol, 'range')
  assert.equal(String(joined.members[0]!.metadata), 'range')
  const foreign = await bench.join({ protocols: protocols('roundrobin') })
  assert.equal(foreign.errorCode, errorCodes.INCONSISTENT_GROUP_PROTOCOL)
  const connect = await bench.join({ protocolType: 'connect' })
  assert.equal(connect.errorCode, errorCodes.INCONSISTENT_GROUP_PROTOCOL)
})

test('group: a static member that restarts keeps its place without a rebalance and fences its former self', async () => {
  const bench = new Bench()
  const options = { instanceId: 'instance-1' }
  const joined = await bench.join(options)
  await bench.groups.sync(groupId, {
    memberId: joined.memberId,
    instanceId: 'instance-1',
    generation: 1,
    protocolType: null,
    protocol: null,
    assignments: new Map([[joined.memberId, Buffer.from('mine')]]),
  })
  const again = await bench.join(options)
  assert.equal(again.errorCode, 0)
  assert.equal(again.generation, 1)
  assert.notEqual(again.memberId, joined.memberId)
  assert.equal(again.skipAssignment, true)
  assert.equal(
    bench.groups.heartbeat(groupId, joined.memberId, 'instance-1', 1),
    errorCodes.FENCED_INSTANCE_ID,
  )
  assert.equal(bench.groups.heartbeat(groupId, again.memberId, 'instance-1', 1), 0)
  const older = await bench.join({ ...options, maySkipAssignment: false })
  assert.equal(older.leader, again.memberId, 'an old client must not believe that it leads')
  assert.equal(bench.groups.leave(groupId, '', 'instance-1'), 0)
  assert.equal(bench.group.state, 'EMPTY')
})

test('group: a static member that is away keeps its place through a rebalance, but not through the next', async () => {
  const bench = new Bench()
  const fixed = await bench.join({ instanceId: 'fixed', rebalanceTimeoutMs: 5_000 })
  await bench.groups.sync(groupId, {
    memberId: fixed.memberId,
    instanceId: 'fixed',
    generation: 1,
    protocolType: null,
    protocol: null,
    assignments: new Map(),
  })
  const joining = bench.join({ rebalanceTimeoutMs: 5_000 })
  await bench.clock.advance(5_000)
  const joined = await joining
  assert.equal(joined.members.length, 2)
  await bench.sync(joined, { [joined.memberId]: 'a', [fixed.memberId]: 'b' })
  await bench.clock.advance(5_000)
  assert.equal(bench.group.memberCount, 1, 'it took no assignment in time')
})

test('group: a crash keeps generation, members, assignments and static ids; phantoms go by their session', async () => {
  const bench = new Bench()
  const [leader, second] = await bench.stable(2)
  bench.restart()
  assert.equal(bench.group.state, 'STABLE')
  assert.equal(bench.group.generation, 2)
  assert.equal(bench.heartbeat(leader!), 0)
  assert.equal(String((await bench.sync(second!)).assignment), `part of ${second!.memberId}`)
  await bench.clock.advance(6_000)
  assert.equal(bench.heartbeat(leader!), 0)
  await bench.clock.advance(6_000)
  assert.equal(bench.heartbeat(leader!), errorCodes.REBALANCE_IN_PROGRESS, 'the second is gone')
  const alone = await bench.join({ memberId: leader!.memberId })
  assert.equal(alone.members.length, 1)
  assert.equal(alone.generation, 3)
})

test('group: a crash in the middle of a rebalance goes back to the generation before', async () => {
  const bench = new Bench()
  const [leader] = await bench.stable(1)
  void bench.join()
  assert.equal(bench.group.state, 'PREPARING_REBALANCE')
  bench.restart()
  assert.equal(bench.group.state, 'STABLE')
  assert.equal(bench.heartbeat(leader!), 0)
})

test('group: an empty group stays empty over a crash, with its offsets', async () => {
  const bench = new Bench()
  const [leader] = await bench.stable(1)
  await bench.groups.commit(groupId, [['t', 0, 42, 0, 'note']])
  bench.groups.leave(groupId, leader!.memberId, null)
  bench.restart()
  assert.equal(bench.group.state, 'EMPTY')
  assert.equal(bench.group.generation, 2)
  const committed = bench.groups.committed(groupId, 't', 0)
  assert.equal(committed?.offset, 42)
  assert.equal(committed?.metadata, 'note')
  const joined = await bench.join()
  assert.equal(joined.generation, 3)
})

test('group: journal compaction keeps groups and offsets', async () => {
  const bench = new Bench()
  const [leader] = await bench.stable(2)
  await bench.groups.commit(groupId, [
    ['t', 0, 1, 0, ''],
    ['t', 1, 2, -1, 'x'],
  ])
  bench.state.journal.compact()
  bench.restart()
  assert.equal(bench.heartbeat(leader!), 0)
  assert.equal(bench.groups.committed(groupId, 't', 1)?.metadata, 'x')
})

test('group: commits are checked against member, generation and state', async () => {
  const bench = new Bench()
  const check = (memberId: string, generation: number, instanceId: string | null = null) =>
    bench.groups.checkCommit({ groupId, memberId, instanceId, generation, version: 8 })
  assert.equal(check('', -1), 0, 'standalone, no such group yet')
  assert.equal(check('x', 3), errorCodes.ILLEGAL_GENERATION)
  const [leader] = await bench.stable(1)
  const { memberId, generation } = leader!
  assert.equal(check(memberId, generation), 0)
  assert.equal(check(memberId, generation - 1), errorCodes.ILLEGAL_GENERATION)
  assert.equal(check('x', generation), errorCodes.UNKNOWN_MEMBER_ID)
  assert.equal(check('', -1), errorCodes.UNKNOWN_MEMBER_ID, 'the group has members')
  const joining = bench.join()
  assert.equal(bench.group.state, 'PREPARING_REBALANCE')
  assert.equal(check(memberId, generation), 0, 'the last commit before the barrier')
  const [again] = await Promise.all([bench.join({ memberId }), joining])
  assert.equal(bench.group.state, 'COMPLETING_REBALANCE')
  assert.equal(check(memberId, again.generation), errorCodes.REBALANCE_IN_PROGRESS)
})

test('group: a group that was empty waits for further members when told to', async () => {
  const bench = new Bench(3_000)
  const first = bench.join()
  const second = bench.join()
  await bench.clock.advance(2_999)
  assert.equal(await settled(first), undefined)
  await bench.clock.advance(1)
  const joins = await Promise.all([first, second])
  assert.deepEqual(
    joins.map(({ generation }) => generation),
    [1, 1],
  )
  assert.equal(joins[0].members.length, 2)
})

test('group: sessions out of bounds, empty group ids and unknown members are refused', async () => {
  const bench = new Bench()
  const codeOf = async (options: Partial<JoinRequest>) => (await bench.join(options)).errorCode
  assert.equal(
    await codeOf({ sessionTimeoutMs: limits.minSessionTimeoutMs - 1 }),
    errorCodes.INVALID_SESSION_TIMEOUT,
  )
  assert.equal(
    await codeOf({ sessionTimeoutMs: limits.maxSessionTimeoutMs + 1 }),
    errorCodes.INVALID_SESSION_TIMEOUT,
  )
  assert.equal(await codeOf({ memberId: 'x' }), errorCodes.UNKNOWN_MEMBER_ID)
  assert.equal(await codeOf({ protocols: [] }), errorCodes.INCONSISTENT_GROUP_PROTOCOL)
  assert.equal(bench.groups.heartbeat('', 'x', null, 1), errorCodes.INVALID_GROUP_ID)
})

test('group: a full disk does not stop a group, and commits are refused until there is room', async () => {
  const bench = new Bench()
  const [leader] = await bench.stable(1)
  bench.disk.freeBytes = 0
  await assert.rejects(bench.groups.commit(groupId, [['t', 0, 1, 0, '']]), /MR_|failed/)
  assert.equal(bench.groups.committed(groupId, 't', 0), undefined)
  bench.groups.leave(groupId, leader!.memberId, null)
  assert.equal(bench.group.state, 'EMPTY')
  bench.disk.freeBytes = Infinity
  await bench.stable(1)
  await bench.groups.commit(groupId, [['t', 0, 1, 0, '']])
  bench.restart()
  assert.equal(bench.group.state, 'STABLE')
  assert.equal(bench.groups.committed(groupId, 't', 0)?.offset, 1)
})

test('group: subscriptions without end are refused', async () => {
  const bench = new Bench()
  const metadata = Buffer.alloc(limits.memberMetadataBytes + 1)
  const joined = await bench.join({ protocols: [{ name: 'range', metadata }] })
  assert.equal(joined.errorCode, errorCodes.INVALID_REQUEST)
})

test('group: only empty groups are deleted, and unused offsets go after seven days', async () => {
  const bench = new Bench()
  const [leader] = await bench.stable(1)
  assert.equal(await bench.groups.deleteGroup(groupId), errorCodes.NON_EMPTY_GROUP)
  await bench.groups.commit(groupId, [['t', 0, 1, 0, '']])
  bench.groups.leave(groupId, leader!.memberId, null)
  await bench.clock.advance(limits.offsetsRetentionMs - 1_000_000)
  assert.equal(bench.groups.committed(groupId, 't', 0)?.offset, 1)
  await bench.clock.advance(2_000_000)
  assert.equal(bench.groups.find(groupId), undefined)
  await bench.groups.commit('other', [['t', 0, 1, 0, '']])
  assert.equal(await bench.groups.deleteGroup('other'), 0)
  assert.equal(await bench.groups.deleteGroup('other'), errorCodes.GROUP_ID_NOT_FOUND)
  bench.restart()
  assert.equal(bench.groups.groupCount, 0)
})
