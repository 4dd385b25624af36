/** The producer of a stream thread, under either guarantee: what is sent, and how it is committed with the offsets. */
import { faults, type Clock } from '@millrace/core'
import {
  createProducer,
  createTransactionalProducer,
  KafkaError,
  type Consumer,
  type GroupMetadata,
  type KafkaOptions,
  type OffsetToCommit,
  type ProducerColumns,
  type SentColumns,
} from '@millrace/kafka'

/** In whose name offsets are committed. */
export interface OutputMember {
  readonly consumer: Consumer
  /**
   * The member that has the tasks, asked right before each attempt: it goes from generation to generation with what it keeps. Throws once it has
   * lost its place, for the broker would take its offsets as those of no member.
   */
  readonly group: () => GroupMetadata
}

export interface TaskOutput extends AsyncDisposable {
  send(columns: ProducerColumns): Promise<SentColumns>
  /**
   * Makes what was sent and these offsets permanent. Everything sent must have been acknowledged: an offset is not to arrive before the
   * records it stands for, or who takes the task over could read its changelog too short.
   */
  commit(offsets: readonly OffsetToCommit[], member: OutputMember): Promise<void>
}

/** A batch fills in some ms all the same, and each partition has one that is filled, one or more on their way, and memory for the next. */
const batchSizeBytes = 262_144
const unknownCommitAttempts = 30
const unknownCommitPauseMs = 200

export async function transactionalOutput(
  kafka: KafkaOptions,
  transactionalId: string,
  transactionTimeoutMs: number,
  clock: Clock,
): Promise<TaskOutput> {
  const producer = await createTransactionalProducer({
    ...kafka,
    transactionalId,
    transactionTimeoutMs,
    batchSizeBytes,
  })
  try {
    // Fences this thread's former self, and ends what that left open, before anything is read.
    await producer.init()
    await producer.begin()
  } catch (error) {
    await producer.close()
    throw error
  }
  return {
    send: (columns) => producer.sendColumns(columns),
    async commit(offsets, { group }) {
      await faults.at('streams.commit.beforeOffsets')
      await producer.sendOffsets(offsets, group)
      await faults.at('streams.commit.afterOffsets')
      for (let attempt = 1; ; attempt++) {
        try {
          await producer.commit()
          break
        } catch (error) {
          const isUnknown = error instanceof KafkaError && error.code === 'MR_KAFKA_COMMIT_UNKNOWN'
          if (!isUnknown || attempt === unknownCommitAttempts) throw error
          await clock.sleep(unknownCommitPauseMs)
        }
      }
      await faults.at('streams.commit.afterCommit')
      // Nothing reaches a broker before the first record.
      await producer.begin()
    },
    [Symbol.asyncDispose]: () => producer.close(),
  }
}

export async function plainOutput(kafka: KafkaOptions): Promise<TaskOutput> {
  const producer = await createProducer({ ...kafka, batchSizeBytes })
  return {
    send: (columns) => producer.sendColumns(columns),
    async commit(offsets, { consumer, group }) {
      group()
      await faults.at('streams.commit.beforeOffsets')
      await consumer.commit(offsets)
      await faults.at('streams.commit.afterCommit')
    },
    [Symbol.asyncDispose]: () => producer.close(),
  }
}
