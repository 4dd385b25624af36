import { toError } from '@millrace/core'
import {
  errorCodes,
  offsetCommitApi,
  type OffsetCommitRequest,
  type OffsetCommitResponseInput,
} from '@millrace/protocol'
import type { CommittedOffsetRow } from '../groups/group-records.ts'
import { faultOfOffset, offsetRow } from './committed-offsets.ts'
import { serve, type RequestContext } from './served-api.ts'

/**
 * OffsetCommit (key 8), versions 2–9. The offsets of one request are stored together or not at all; the answer comes when they survive what
 * the fsync mode promises. The note (`metadata`) is kept up to 4096 bytes. Without generation and member, a group without members may be
 * committed to by anyone (standalone consumers, admin tools). From v9 the generation may be the epoch of a member of a consumer group
 * (KIP-848): STALE_MEMBER_EPOCH, and GROUP_ID_NOT_FOUND instead of ILLEGAL_GENERATION.
 *
 * Ignored: retention time (until v4), as in Kafka since KIP-211.
 */
export const offsetCommit = serve({ api: offsetCommitApi, versions: [2, 9], handle })

type TopicAnswer = OffsetCommitResponseInput['topics'][number]

async function handle(
  request: OffsetCommitRequest,
  { broker, version }: RequestContext,
): Promise<OffsetCommitResponseInput> {
  const { groupId } = request
  const groupError =
    groupId === ''
      ? errorCodes.INVALID_GROUP_ID
      : broker.groups.checkCommit({
          groupId,
          memberId: request.memberId,
          instanceId: request.groupInstanceId,
          generation: request.generationIdOrMemberEpoch,
          version,
        })
  const rows: CommittedOffsetRow[] = []
  const topics = request.topics.map(({ name, partitions }) => {
    const topic = broker.topics.byName(name)
    return {
      name,
      partitions: partitions.map((partition) => {
        const exists = topic?.partitions[partition.partitionIndex] !== undefined
        const errorCode = groupError || faultOfOffset(partition, exists)
        if (errorCode === errorCodes.NONE) rows.push(offsetRow(name, partition))
        return { partitionIndex: partition.partitionIndex, errorCode }
      }),
    }
  })
  try {
    await broker.groups.commit(groupId, rows)
    return { topics }
  } catch (error) {
    broker.logger.error('offsets were not stored', { groupId, error: toError(error) })
    return { topics: topics.map(refused) }
  }
}

/** As in Kafka when its offsets topic cannot be written: clients look for the coordinator and try again. */
function refused({ name, partitions }: TopicAnswer): TopicAnswer {
  const errorCode = errorCodes.COORDINATOR_NOT_AVAILABLE
  return {
    name,
    partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })),
  }
}
