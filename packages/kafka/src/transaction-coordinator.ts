/**
 * The requests of one transactional id to its coordinator, wherever that is at the moment, and what each error code asks of the producer.
 * State: only where coordinators were last found. Each call goes on trying for `requestTimeoutMs`, CONCURRENT_TRANSACTIONS included, which
 * says that the brokers are still finishing the transaction before.
 */
import { brokerError, code, isCoordinatorMoved, isMembershipOver } from './broker-error.ts'
import type { Cluster } from './cluster.ts'
import type { OffsetToCommit } from './consumer-types.ts'
import { isNeverSent, KafkaError } from './errors.ts'
import { generationOver } from './group-coordinator.ts'
import type { ProducerIdentity } from './outgoing-batch.ts'
import { retrying } from './retrying.ts'
import type { GroupMetadata, TopicPartition } from './types.ts'
import { optionalWire, wire } from './wire.ts'

/** The producer is no longer the one that its transactional id stands for. */
const fenced: ReadonlySet<number> = new Set([code.PRODUCER_FENCED, code.INVALID_PRODUCER_EPOCH])

/** The transaction is lost, the producer is not: Java's abortable errors (`TransactionManager`). */
const abortable: ReadonlySet<number> = new Set([
  code.TRANSACTION_ABORTABLE,
  code.UNKNOWN_PRODUCER_ID,
  code.INVALID_PRODUCER_ID_MAPPING,
  code.OPERATION_NOT_ATTEMPTED,
  code.TOPIC_AUTHORIZATION_FAILED,
  code.GROUP_AUTHORIZATION_FAILED,
  code.OFFSET_METADATA_TOO_LARGE,
  code.REBALANCE_IN_PROGRESS,
])

/** The coordinator has forgotten the producer: nothing is left to end, and a new id is needed. */
const forgotten: ReadonlySet<number> = new Set([
  code.UNKNOWN_PRODUCER_ID,
  code.INVALID_PRODUCER_ID_MAPPING,
])

export class TransactionCoordinator {
  readonly #cluster: Cluster
  readonly #transactionalId: string
  readonly #transactionTimeoutMs: number
  #node: number | undefined
  readonly #groupNodes = new Map<string, number>()

  constructor(cluster: Cluster, transactionalId: string, transactionTimeoutMs: number) {
    this.#cluster = cluster
    this.#transactionalId = transactionalId
    this.#transactionTimeoutMs = transactionTimeoutMs
  }

  /**
   * Takes the transactional id over (without `present`), or goes on from the present identity under a higher epoch (KIP-360), which
   * fences every request of the epochs before.
   */
  async initProducerId(present?: ProducerIdentity): Promise<ProducerIdentity> {
    return this.#retrying('InitProducerId', async () => {
      const answer = await this.#cluster.request(await this.#find(), 'group', wire.initProducerId, {
        transactionalId: this.#transactionalId,
        transactionTimeoutMs: this.#transactionTimeoutMs,
        producerId: BigInt(present?.producerId ?? -1),
        producerEpoch: present?.producerEpoch ?? -1,
      })
      this.#expectNone('Taking over', answer.errorCode)
      return { producerId: Number(answer.producerId), producerEpoch: answer.producerEpoch }
    })
  }

  /** The version of transactions that the cluster has switched on. */
  async version(): Promise<1 | 2> {
    return this.#retrying('transaction.version', async () =>
      this.#cluster.transactionVersion(await this.#find()),
    )
  }

  async addPartitions(
    identity: ProducerIdentity,
    partitions: readonly TopicPartition[],
  ): Promise<void> {
    const topics = [...Map.groupBy(partitions, ({ topic }) => topic)].map(([name, rows]) => ({
      name,
      partitions: rows.map(({ partition }) => partition),
    }))
    await this.#retrying('AddPartitionsToTxn', async () => {
      const node = await this.#find()
      const answer = await this.#cluster.request(node, 'group', optionalWire.addPartitionsToTxn, {
        transactions: [],
        v3AndBelowTransactionalId: this.#transactionalId,
        v3AndBelowProducerId: BigInt(identity.producerId),
        v3AndBelowProducerEpoch: identity.producerEpoch,
        v3AndBelowTopics: topics,
      })
      // All or nothing: where one is refused the others answer OPERATION_NOT_ATTEMPTED, which explains nothing.
      const rows = answer.resultsByTopicV3AndBelow.flatMap(({ name, resultsByPartition }) =>
        resultsByPartition.map((row) => ({ topic: name, ...row })),
      )
      const isTelling = ({ partitionErrorCode }: (typeof rows)[number]): boolean =>
        partitionErrorCode !== code.NONE && partitionErrorCode !== code.OPERATION_NOT_ATTEMPTED
      const refused = rows.find(isTelling) ?? rows.find((row) => row.partitionErrorCode !== 0)
      if (refused)
        this.#expectNone(
          `Adding "${refused.topic}" partition ${refused.partitionIndex} to a transaction`,
          refused.partitionErrorCode,
        )
    })
  }

  async addOffsets(identity: ProducerIdentity, groupId: string): Promise<void> {
    await this.#retrying('AddOffsetsToTxn', async () => {
      const node = await this.#find()
      const answer = await this.#cluster.request(node, 'group', optionalWire.addOffsetsToTxn, {
        transactionalId: this.#transactionalId,
        producerId: BigInt(identity.producerId),
        producerEpoch: identity.producerEpoch,
        groupId,
      })
      this.#expectNone(`Adding group "${groupId}" to a transaction`, answer.errorCode)
    })
  }

  /** @param version 2: the group is added to the transaction by this request */
  async commitOffsets(
    identity: ProducerIdentity,
    version: 1 | 2,
    offsets: readonly OffsetToCommit[],
    group: GroupMetadata,
  ): Promise<void> {
    const { groupId } = group
    await this.#retrying('TxnOffsetCommit', async () => {
      const answer = await this.#cluster.request(
        await this.#findGroup(groupId),
        'group',
        version === 2 ? optionalWire.txnOffsetCommitInTransaction : optionalWire.txnOffsetCommit,
        {
          transactionalId: this.#transactionalId,
          groupId,
          producerId: BigInt(identity.producerId),
          producerEpoch: identity.producerEpoch,
          generationId: group.generationId ?? -1,
          memberId: group.memberId ?? '',
          groupInstanceId: group.instanceId ?? null,
          topics: [...Map.groupBy(offsets, ({ topic }) => topic)].map(([name, rows]) => ({
            name,
            partitions: rows.map(({ partition, offset, metadata }) => ({
              partitionIndex: partition,
              committedOffset: offset,
              committedMetadata: metadata ?? null,
            })),
          })),
        },
      )
      for (const { name, partitions } of answer.topics)
        for (const { errorCode } of partitions) {
          if (isMembershipOver(errorCode) || errorCode === code.REBALANCE_IN_PROGRESS)
            throw transactionFailed(generationOver(groupId, errorCode))
          this.#expectNone(`Sending offsets of group "${groupId}" for topic "${name}"`, errorCode)
        }
    })
  }

  /**
   * Ends the transaction. `lost` is told of every attempt whose outcome is unknown.
   * @returns the identity of the next transaction: another one under version 2
   */
  async end(
    identity: ProducerIdentity,
    version: 1 | 2,
    committed: boolean,
    lost: () => void,
  ): Promise<ProducerIdentity | 'forgotten'> {
    const request = version === 2 ? optionalWire.endTxnWithBump : optionalWire.endTxn
    return this.#retrying('EndTxn', async () => {
      const node = await this.#find()
      const answer = await this.#cluster
        .request(node, 'group', request, {
          transactionalId: this.#transactionalId,
          producerId: BigInt(identity.producerId),
          producerEpoch: identity.producerEpoch,
          committed,
        })
        .catch((error: unknown) => {
          if (!isNeverSent(error)) lost()
          throw error
        })
      if (!committed && forgotten.has(answer.errorCode)) return 'forgotten'
      // Version 2 knows the ended transaction by its epoch: it was aborted, by its time-out. Version 1 answers PRODUCER_FENCED then.
      if (committed && answer.errorCode === code.INVALID_TXN_STATE)
        throw transactionFailed(brokerError('Committing', answer.errorCode))
      this.#expectNone(committed ? 'Committing' : 'Aborting', answer.errorCode)
      return version === 1
        ? identity
        : { producerId: Number(answer.producerId), producerEpoch: answer.producerEpoch }
    })
  }

  async #retrying<T>(what: string, work: () => Promise<T>): Promise<T> {
    return retrying(this.#cluster, what, async () => {
      try {
        return await work()
      } catch (error) {
        if (isMovedOrAway(error)) this.#forget()
        throw error
      }
    })
  }

  #forget(): void {
    this.#node = undefined
    this.#groupNodes.clear()
  }

  async #find(): Promise<number> {
    this.#node ??= await this.#cluster.coordinatorOf(this.#transactionalId, 'transactional id')
    return this.#node
  }

  async #findGroup(groupId: string): Promise<number> {
    const node = this.#groupNodes.get(groupId) ?? (await this.#cluster.coordinatorOf(groupId))
    this.#groupNodes.set(groupId, node)
    return node
  }

  #expectNone(what: string, errorCode: number): void {
    if (errorCode === code.NONE) return
    const cause = brokerError(`${what} (transactional id "${this.#transactionalId}")`, errorCode, {
      transactionalId: this.#transactionalId,
    })
    throw transactionError(cause, errorCode)
  }
}

/** Where the coordinator is has to be asked again: it said so, or it did not answer. */
function isMovedOrAway(error: unknown): boolean {
  const errorCode = error instanceof KafkaError ? error.details['errorCode'] : undefined
  return typeof errorCode !== 'number' || isCoordinatorMoved(errorCode)
}

/** What an error code means for a transaction: it passes, the transaction is lost, the producer is fenced, or refused for good. */
export function transactionError(cause: KafkaError, errorCode: number): KafkaError {
  if (fenced.has(errorCode)) return producerFenced(cause)
  if (abortable.has(errorCode)) return transactionFailed(cause)
  return cause
}

export function transactionFailed(cause: KafkaError): KafkaError {
  return new KafkaError(
    'MR_KAFKA_TRANSACTION_FAILED',
    `The transaction cannot be committed: ${cause.message} Call abort(), then do its work again.`,
    cause.details,
    { cause },
  )
}

export function producerFenced(cause: KafkaError): KafkaError {
  return new KafkaError(
    'MR_KAFKA_PRODUCER_FENCED',
    `Another producer took the transactional id over, or the transaction lasted longer than transactionTimeoutMs. ${cause.message} Close this producer; a new one begins where the brokers stand.`,
    cause.details,
    { cause },
  )
}
