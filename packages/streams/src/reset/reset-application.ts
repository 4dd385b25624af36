/** Makes an application begin anew: Kafka Streams' `StreamsResetter`. */
import {
  createAdmin,
  type ClusterAdmin,
  type KafkaOptions,
  type TopicPartition,
} from '@millrace/kafka'
import { StreamsError } from '../errors.ts'
import { removeState } from '../runtime/state/state-directory.ts'
import { internalTopics } from './internal-topics.ts'
import { offsetResets, type InputReset, type ResetTarget } from './reset-offsets.ts'

export interface ResetOptions extends Omit<KafkaOptions, 'clientId'> {
  readonly applicationId: string
  /** Default: `<applicationId>-reset`. */
  readonly clientId?: string
  /** Topics that the application reads and that it is to read again. Default: none, only internal topics go. */
  readonly inputTopics?: readonly string[]
  /** Where it is to read them from. Default `'earliest'`. */
  readonly to?: ResetTarget
  /** Internal topics to delete. Default: all that are the application's by their names. */
  readonly internalTopics?: readonly string[]
  /** Also removes the state under this `stateDir`, which no process may be using. */
  readonly stateDir?: string
  /** Throws members out that are left in the group: for those that ended without a word and whose session has not run out. */
  readonly force?: boolean
  /** Changes nothing, and tells what would be. */
  readonly dryRun?: boolean
}

/** What was done, or would be. */
export interface ResetReport {
  readonly offsets: readonly InputReset[]
  readonly deletedTopics: readonly string[]
  /** Input topics that the cluster does not have. */
  readonly missingTopics: readonly string[]
  /** Members that were thrown out. */
  readonly removedMembers: number
}

/**
 * Sets the offsets of input topics, deletes the application's internal topics (repartitions, changelogs) with what is committed of them,
 * and, with `stateDir`, its state on disk. The application must not run anywhere. What it has written to its outputs stays; global tables
 * are read anew at each start anyway.
 * @throws StreamsError `MR_STREAMS_STILL_RUNNING` while the group has members, and `force` is not set; `MR_STREAMS_BAD_OPTION`;
 * `MR_STREAMS_STATE_DIRECTORY`; KafkaError
 */
export async function resetApplication(options: ResetOptions): Promise<ResetReport> {
  const { applicationId, inputTopics = [], to = 'earliest', dryRun = false } = options
  await using admin = await createAdmin(kafkaOf(options))
  const members = await membersOf(admin, options)
  const counts = await admin.describeTopics(inputTopics)
  const partitions = partitionsOf(counts)
  const offsets = await offsetResets(admin, applicationId, partitions, to)
  const deletedTopics = await topicsToDelete(admin, options)
  if (!dryRun) {
    // First: it is refused where a process uses it.
    if (options.stateDir !== undefined) removeState(options.stateDir, applicationId)
    if (members > 0) await admin.removeGroupMembers(applicationId)
    if (offsets.length > 0)
      await admin.alterGroupOffsets(
        applicationId,
        offsets.map(({ topic, partition, to: offset }) => ({ topic, partition, offset })),
      )
    await deleteTopics(admin, applicationId, deletedTopics)
  }
  return {
    offsets,
    deletedTopics,
    missingTopics: inputTopics.filter((topic) => !counts.has(topic)),
    removedMembers: members,
  }
}

function kafkaOf({ applicationId, clientId, ...options }: ResetOptions): KafkaOptions {
  const { inputTopics: _inputs, to: _to, internalTopics: _internal, ...rest } = options
  const { stateDir: _stateDir, force: _force, dryRun: _dryRun, ...kafka } = rest
  return { ...kafka, clientId: clientId ?? `${applicationId}-reset` }
}

/** How many members have to be thrown out. */
async function membersOf(admin: ClusterAdmin, options: ResetOptions): Promise<number> {
  const { applicationId, force = false } = options
  const [group] = await admin.describeGroups([applicationId])
  const members = group?.members ?? []
  if (members.length === 0 || force) return members.length
  const hosts = [...new Set(members.map(({ host, clientId }) => `${clientId} at ${host}`))]
  throw new StreamsError(
    'MR_STREAMS_STILL_RUNNING',
    `The application "${applicationId}" still has ${members.length} members: ${hosts.join(', ')}. Stop all its instances; one that ended without a word is gone after its sessionTimeoutMs, or with force.`,
    { applicationId, members: members.length, hosts },
  )
}

async function topicsToDelete(
  admin: ClusterAdmin,
  options: ResetOptions,
): Promise<readonly string[]> {
  const { applicationId, inputTopics = [], internalTopics: given } = options
  const [topics, groups] = await Promise.all([admin.listTopics(), admin.listGroups()])
  const own = internalTopics(
    applicationId,
    topics,
    groups.map(({ groupId }) => groupId),
  ).filter((topic) => !inputTopics.includes(topic))
  if (given === undefined) return own
  const foreign = given.filter((topic) => !own.includes(topic))
  if (foreign.length > 0)
    throw new StreamsError(
      'MR_STREAMS_BAD_OPTION',
      `internalTopics has ${foreign.join(', ')}, which ${foreign.length > 1 ? 'are' : 'is'} no internal topic of "${applicationId}" on this cluster. It has: ${own.join(', ') || 'none'}.`,
      { option: 'internalTopics', value: foreign },
    )
  return given
}

/** With what is committed of them: the topics that the next start makes begin at 0 again. */
async function deleteTopics(
  admin: ClusterAdmin,
  applicationId: string,
  topics: readonly string[],
): Promise<void> {
  if (topics.length === 0) return
  const committed = (await admin.groupOffsets(applicationId)).filter(({ topic }) =>
    topics.includes(topic),
  )
  if (committed.length > 0) await admin.deleteGroupOffsets(applicationId, committed)
  await admin.deleteTopics(topics)
}

function partitionsOf(counts: ReadonlyMap<string, number>): readonly TopicPartition[] {
  return [...counts].flatMap(([topic, count]) =>
    Array.from({ length: count }, (_, partition) => ({ topic, partition })),
  )
}
