import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { errorCodes, type ConsumerGroupHeartbeatRequestInput } from '@millrace/protocol'
import {
  GroupStage,
  reading,
  unique,
  type GroupMember,
  type Topic,
} from '../../../test/group-stage.ts'

/**
 * Which epochs a heartbeat may name (KIP-848; Kafka: GroupMetadataManager.throwIfConsumerGroupMemberEpochIsInvalid): a client whose answer was
 * lost says the epoch before, or joins again under its id. On the broker of this package, and with `npm run test:kafka` on Apache Kafka.
 */
let stage: GroupStage

before(async () => {
  stage = await GroupStage.open()
})
after(() => stage[Symbol.asyncDispose]())

const { FENCED_MEMBER_EPOCH, NONE, UNKNOWN_MEMBER_ID, UNRELEASED_INSTANCE_ID } = errorCodes

type HeartbeatInput = Partial<ConsumerGroupHeartbeatRequestInput>

/** Sends as the member, which takes nothing of the answer in: as if it were lost. */
async function answerTo(member: GroupMember, more: HeartbeatInput) {
  const { errorCode, memberEpoch, assignment } = await member.send(more)
  const partitions = assignment?.topicPartitions.flatMap((row) => row.partitions).toSorted()
  return { errorCode, memberEpoch, partitions: partitions ?? null }
}

const fenced = { errorCode: FENCED_MEMBER_EPOCH, memberEpoch: 0, partitions: null }

function owning(topic: Topic, ...partitions: number[]): HeartbeatInput {
  return { topicPartitions: [{ topicId: topic.id, partitions }] }
}

/** One that does not exist. */
const nobodysTopic: Topic = { name: 'none', id: Buffer.alloc(16, 7).toString('base64url') }

/** Two members at rest in epoch 2: the first had all four partitions in epoch 1 and gave two up. */
async function twoAtRest() {
  const topic = await stage.createTopic(4)
  const groupId = unique('g')
  const [a, b] = [
    stage.member(groupId, reading(topic)),
    stage.member(groupId, reading(topic)),
  ] as const
  await a.beat()
  await b.beat()
  await stage.rest(a, b)
  assert.deepEqual([a.epoch, b.epoch], [2, 2])
  return { topic, a, b }
}

test('kip-848: a join that is repeated under the same member id is answered as the first, and the group stays as it is', async () => {
  const topic = await stage.createTopic(2)
  const member = stage.member(unique('g'), reading(topic))
  for (const attempt of ['first', 'second', 'third'])
    assert.deepEqual(
      await answerTo(member, {}),
      { errorCode: NONE, memberEpoch: 1, partitions: [0, 1] },
      attempt,
    )
  const { groupEpoch, members } = await stage.describe(member.groupId)
  assert.deepEqual([groupEpoch, members.length], [1, 1])
  await member.beat()
  assert.deepEqual(await answerTo(member, {}), {
    errorCode: NONE,
    memberEpoch: 1,
    partitions: null,
  })
})

test('kip-848: before version 1 a repeated join makes another member, since the broker makes the ids', async () => {
  const topic = await stage.createTopic(2)
  const member = stage.member(unique('g'), reading(topic), '')
  const ids = [(await member.send({}, 0)).memberId, (await member.send({}, 0)).memberId]
  const { members } = await stage.describe(member.groupId)
  assert.equal(new Set(ids).size, 2)
  assert.deepEqual(new Set(members.map(({ memberId }) => memberId)), new Set(ids))
})

test('kip-848: a join that is repeated after another member came gives its partitions up at once, as it owns none', async () => {
  const topic = await stage.createTopic(4)
  const groupId = unique('g')
  const [a, b] = [stage.member(groupId, reading(topic)), stage.member(groupId, reading(topic))]
  await a.beat()
  await b.beat()
  const again = await answerTo(a, a.joining)
  assert.deepEqual([again.errorCode, again.memberEpoch, again.partitions?.length], [NONE, 2, 2])
  // Its epoch before is 1 now, so a join can no more be the one whose answer was lost.
  assert.deepEqual(await answerTo(a, a.joining), fenced)
  await b.beat()
  assert.equal(b.size, 2)
})

test('kip-848: a join that is repeated with another subscription is news, and after it a join is fenced', async () => {
  const [topic, other] = [await stage.createTopic(1), await stage.createTopic(3)]
  const member = stage.member(unique('g'), reading(topic))
  await member.beat()
  const both = { ...member.joining, subscribedTopicNames: [topic.name, other.name] }
  const told = await answerTo(member, both)
  assert.deepEqual([told.errorCode, told.memberEpoch, told.partitions?.length], [NONE, 2, 4])
  assert.deepEqual(await answerTo(member, both), fenced)
})

test('kip-848: a member that waits for partitions has no join to repeat once it was heard in its epoch', async () => {
  const topic = await stage.createTopic(4)
  const groupId = unique('g')
  const [a, b] = [stage.member(groupId, reading(topic)), stage.member(groupId, reading(topic))]
  await a.beat()
  await b.beat()
  const waiting = { errorCode: NONE, memberEpoch: 2, partitions: [] }
  assert.deepEqual(await answerTo(b, b.joining), waiting, 'the first one may have been lost')
  assert.deepEqual(await answerTo(b, b.joining), fenced, 'the second came in epoch 2')
  await b.confirm()
  assert.equal(b.epoch, 2)
})

test('kip-848: the epoch before is forgiven to a member that owns no more than it may, as often as it asks', async () => {
  const { topic, a } = await twoAtRest()
  const own = a.rows[0]!.partitions
  const foreign = [0, 1, 2, 3].filter((partition) => !own.includes(partition))
  const forgiven = { errorCode: NONE, memberEpoch: 2, partitions: null }
  const before = { memberEpoch: 1 }
  const cases: readonly (readonly [string, HeartbeatInput, object])[] = [
    ['all it has', { ...before, ...owning(topic, ...own) }, forgiven],
    ['once more', { ...before, ...owning(topic, ...own) }, forgiven],
    ['a part of it', { ...before, ...owning(topic, own[0]!) }, forgiven],
    ['nothing', { ...before, topicPartitions: [] }, forgiven],
    [
      'everything said anew is answered with everything',
      { ...a.joining, ...before, ...owning(topic, ...own) },
      { ...forgiven, partitions: own },
    ],
    ['what it gave up', { ...before, ...owning(topic, 0, 1, 2, 3) }, fenced],
    ['what another has', { ...before, ...owning(topic, foreign[0]!) }, fenced],
    ['it does not say', before, fenced],
    ['a topic that nobody reads', { ...before, ...owning(nobodysTopic, 0) }, fenced],
    ['the epoch after', { memberEpoch: 3, ...owning(topic, ...own) }, fenced],
    ['a join', a.joining, fenced],
    ['its own epoch', { memberEpoch: 2, ...owning(topic, ...own) }, forgiven],
  ]
  for (const [name, request, expected] of cases)
    assert.deepEqual(await answerTo(a, request), expected, name)
  assert.equal((await stage.describe(a.groupId)).groupState, 'Stable')
})

test('kip-848: only one epoch back is forgiven, and who was fenced stays a member in its epoch', async () => {
  const { topic, a, b } = await twoAtRest()
  const c = stage.member(a.groupId, reading(topic))
  await c.beat()
  await stage.rest(a, b, c)
  assert.equal(a.epoch, 3)
  const own = { topicPartitions: a.rows }
  assert.deepEqual(await answerTo(a, { memberEpoch: 1, ...own }), fenced)
  const again = await answerTo(a, { memberEpoch: 2, ...own })
  assert.deepEqual([again.errorCode, again.memberEpoch], [NONE, 3])
  const { groupEpoch, members } = await stage.describe(a.groupId)
  assert.deepEqual([groupEpoch, members.length], [3, 3])
  assert.equal((await a.send({ memberEpoch: -1 })).errorCode, NONE, 'leaving names no epoch')
  assert.equal((await answerTo(a, own)).errorCode, UNKNOWN_MEMBER_ID)
})

test('kip-848: the epoch before is forgiven while partitions are being given up, and the order to give them up is told again to who asks', async () => {
  const topic = await stage.createTopic(4)
  const groupId = unique('g')
  const [a, b] = [stage.member(groupId, reading(topic)), stage.member(groupId, reading(topic))]
  await a.beat()
  await b.beat()
  const held = owning(topic, 0, 1, 2, 3)
  const order = await answerTo(a, held)
  assert.deepEqual([order.memberEpoch, order.partitions?.length], [1, 2])
  assert.deepEqual((await answerTo(a, held)).partitions, null, 'the answer was lost, and told once')
  const full = await answerTo(a, { ...a.joining, memberEpoch: 1, ...held })
  assert.deepEqual([full.memberEpoch, full.partitions], [1, order.partitions])
  assert.deepEqual(await answerTo(a, a.joining), fenced, 'its epoch before is its own by now')
})

test('kip-848: an instance that joins again under its own member id has first to say that it goes', async () => {
  const topic = await stage.createTopic(2)
  const member = stage.member(unique('g'), reading(topic, { instanceId: 'one' }))
  await member.beat()
  const { errorCode } = await answerTo(member, member.joining)
  assert.equal(errorCode, UNRELEASED_INSTANCE_ID)
  await member.confirm()
  assert.equal(member.epoch, 1)
})
