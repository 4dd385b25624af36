import assert from 'node:assert/strict'
import { uuidv7 } from '@millrace/core'
import { eventually } from '@millrace/core/testing'
import {
  consumerGroupDescribeApi,
  consumerGroupHeartbeatApi,
  createTopicsApi,
  errorCodes,
  type ConsumerGroupDescribeResponse,
  type ConsumerGroupHeartbeatRequestInput,
  type ConsumerGroupHeartbeatResponse,
} from '@millrace/protocol'
import { untilCoordinatorsServe } from './coordinators.ts'
import type { WireClient } from './wire-client.ts'
import { openWireTarget, type WireTarget } from './wire-target.ts'

type HeartbeatInput = Partial<ConsumerGroupHeartbeatRequestInput>

export interface Topic {
  readonly name: string
  readonly id: string
}

export const unique = (what: string): string => `${what}-${uuidv7().slice(-12)}`

/** What a member says of itself with its first heartbeat, when it reads one topic. */
export const reading = ({ name }: Topic, more: HeartbeatInput = {}): HeartbeatInput => ({
  subscribedTopicNames: [name],
  ...more,
})

/** A broker with one connection, on which suites of consumer groups (KIP-848) play all members of their groups. */
export class GroupStage implements AsyncDisposable {
  readonly target: WireTarget
  readonly client: WireClient

  private constructor(target: WireTarget, client: WireClient) {
    this.target = target
    this.client = client
  }

  static async open(): Promise<GroupStage> {
    const target = await openWireTarget()
    const client = await target.connect()
    await untilCoordinatorsServe(client)
    return new GroupStage(target, client)
  }

  /** @param first what it says of itself when it joins */
  member(groupId: string, first: HeartbeatInput, id?: string): GroupMember {
    return new GroupMember(this.client, groupId, first, id)
  }

  /** Resolves when the coordinator deals it out. */
  async createTopic(numPartitions: number, name = unique('t')): Promise<Topic> {
    const made = await this.client.call(createTopicsApi, 7, {
      topics: [{ name, numPartitions, replicationFactor: 1, assignments: [], configs: [] }],
    })
    assert.equal(made.topics[0]!.errorCode, 0)
    const probe = this.member(unique('probe'), { subscribedTopicNames: [name] })
    await eventually('the coordinator knows it', async () => {
      const { errorCode, memberEpoch, assignment } = await probe.send()
      if (errorCode === errorCodes.COORDINATOR_LOAD_IN_PROGRESS) return false
      assert.equal(errorCode, 0)
      probe.epoch = memberEpoch
      return assignment !== null && assignment.topicPartitions.length > 0
    })
    await probe.send({ memberEpoch: -1 })
    return { name, id: made.topics[0]!.topicId }
  }

  async describe(groupId: string): Promise<ConsumerGroupDescribeResponse['groups'][number]> {
    const { groups } = await this.client.call(consumerGroupDescribeApi, 1, {
      groupIds: [groupId],
      includeAuthorizedOperations: false,
    })
    return groups[0]!
  }

  /** Lets everybody heartbeat until the group is stable. */
  async rest(...members: readonly GroupMember[]): Promise<void> {
    await eventually('the group comes to rest', async () => {
      for (const member of members) await member.confirm()
      return (await this.describe(members[0]!.groupId)).groupState === 'Stable'
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client[Symbol.asyncDispose]()
    await this.target[Symbol.asyncDispose]()
  }
}

/** A member as a client plays it. */
export class GroupMember {
  readonly groupId: string
  readonly id: string
  readonly #client: WireClient
  readonly #first: HeartbeatInput
  epoch = 0
  /** What it was told to have, by topic id. */
  part = new Map<string, readonly number[]>()

  constructor(client: WireClient, groupId: string, first: HeartbeatInput, id = uuidv7()) {
    this.#client = client
    this.groupId = groupId
    this.id = id
    this.#first = first
  }

  get rows(): { topicId: string; partitions: number[] }[] {
    return [...this.part].map(([topicId, partitions]) => ({ topicId, partitions: [...partitions] }))
  }

  get size(): number {
    return [...this.part.values()].reduce((sum, { length }) => sum + length, 0)
  }

  /** What a first heartbeat says. */
  get joining(): HeartbeatInput {
    return { memberEpoch: 0, rebalanceTimeoutMs: 60_000, topicPartitions: [], ...this.#first }
  }

  send(more: HeartbeatInput = {}, version = 1): Promise<ConsumerGroupHeartbeatResponse> {
    const { instanceId = null } = this.#first
    return this.#client.call(consumerGroupHeartbeatApi, version, {
      groupId: this.groupId,
      memberId: this.id,
      memberEpoch: this.epoch,
      instanceId,
      ...(this.epoch === 0 ? this.joining : {}),
      ...more,
    })
  }

  /** Heartbeats, which must go well, and takes in the answer. */
  async beat(more: HeartbeatInput = {}): Promise<ConsumerGroupHeartbeatResponse> {
    const answer = await this.send(more)
    assert.equal(answer.errorCode, 0, answer.errorMessage ?? '')
    this.epoch = answer.memberEpoch
    const rows = answer.assignment?.topicPartitions
    if (rows !== undefined)
      this.part = new Map(
        rows.map((row) => [row.topicId, row.partitions.toSorted((a, b) => a - b)]),
      )
    return answer
  }

  /** Says that it has what it was told to have. */
  confirm(): Promise<ConsumerGroupHeartbeatResponse> {
    return this.beat({ topicPartitions: this.rows })
  }
}
