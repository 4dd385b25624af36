/** What is told of the stream app, for the console. */
import { Type, type Static } from 'typebox'

export const NumberOrNull = Type.Union([Type.Number(), Type.Null()])
const Offset = Type.Union([Type.String(), Type.Null()], { description: '64-bit, so it is text' })
const Counts = Type.Record(Type.String(), Type.Number())

const NodeSchema = Type.Object({
  name: Type.String(),
  kind: Type.Union([Type.Literal('source'), Type.Literal('processor'), Type.Literal('sink')]),
  parents: Type.Array(Type.String()),
  topics: Type.Array(Type.String()),
  stores: Type.Array(Type.String()),
  processedRecords: Type.Union([Type.Number(), Type.Null()], {
    description: 'Records that the node was given in this process; null where that is not counted',
  }),
})

const TaskSchema = Type.Object({
  taskId: Type.String(),
  state: Type.String(),
  partitions: Type.Array(
    Type.Object({
      topic: Type.String(),
      partition: Type.Integer(),
      committedOffset: Offset,
      endOffset: Offset,
      lagRecords: NumberOrNull,
    }),
  ),
})

/** Who runs what, as the group last told. */
export const InstanceSchema = Type.Object({
  processId: Type.String(),
  applicationServer: Type.Union([Type.String(), Type.Null()]),
  isThis: Type.Boolean(),
})

export const PauseActSchema = Type.Object({
  act: Type.Union([Type.Literal('pause'), Type.Literal('resume')]),
  by: Type.String(),
  reason: Type.String(),
  at: Type.String(),
})

/** Whether this instance is paused, and the acts that led there, the newest first. */
export const PausingSchema = Type.Object({
  isPaused: Type.Boolean(),
  acts: Type.Array(PauseActSchema, { description: 'The newest 20, the newest first' }),
})

export const StreamAppSchema = Type.Object({
  applicationId: Type.String(),
  state: Type.String(),
  pausing: PausingSchema,
  topology: Type.Object({
    text: Type.String({ description: 'As Kafka Streams describes topologies' }),
    nodes: Type.Array(NodeSchema),
  }),
  threads: Type.Array(
    Type.Object({
      name: Type.String(),
      state: Type.String(),
      tasks: Type.Array(TaskSchema),
      standbys: Type.Array(Type.String()),
    }),
  ),
  instances: Type.Array(
    Type.Object({
      ...InstanceSchema.properties,
      activeTasks: Type.Array(Type.String()),
      standbyTasks: Type.Array(Type.String()),
    }),
    { description: 'All instances of the application, as the group last told' },
  ),
  lagRecords: NumberOrNull,
  topics: Type.Array(
    Type.Object({
      topic: Type.String(),
      consumedRecords: Type.Number({ description: 'Read by the tasks of this process' }),
      sentRecords: Type.Number({ description: 'Written by them, and acknowledged' }),
    }),
    {
      description:
        'Topics that sources read and sinks write; since the start of this process: rates are differences of two answers',
    },
  ),
  stores: Type.Array(
    Type.Object({
      name: Type.String(),
      kind: Type.String(),
      keyForm: Type.Union([Type.String(), Type.Null()], {
        description:
          'How keys are written: text, integer, number, base64url, json; null where it cannot be read from outside',
      }),
      approximateEntryCount: NumberOrNull,
    }),
    { description: 'Counts are of this instance' },
  ),
  restores: Type.Array(
    Type.Object({
      taskId: Type.String(),
      store: Type.String(),
      partition: Type.Integer(),
      role: Type.String(),
      phase: Type.String(),
      restoredCount: Type.Integer(),
      remainingRecords: Type.Integer(),
    }),
  ),
  copies: Type.Array(
    Type.Object({
      store: Type.String(),
      partition: Type.Integer(),
      lagRecords: Type.Integer({ description: 'Behind its changelog' }),
    }),
    { description: 'Stores of which this instance keeps a copy' },
  ),
  totals: Type.Object(
    {
      processedRecords: Type.Number(),
      processSeconds: Type.Number(),
      commits: Type.Number(),
      commitSeconds: Type.Number(),
      droppedRecords: Type.Number(),
      restoredRecords: Type.Number(),
    },
    { description: 'Of this process since its start: rates are differences of two answers' },
  ),
  saga: Type.Object({
    openOrders: Type.Number(),
    decided: Counts,
    decidedBy: Counts,
    rollbackSources: Counts,
    lateAnswers: Type.Number(),
    unmatchedAnswers: Type.Number(),
    ignored: Type.Number(),
    deadLetters: Type.Number(),
    retries: Type.Number(),
    joinWindowMs: Type.Number(),
    timeoutMs: Type.Number(),
    commitIntervalMs: Type.Number(),
  }),
  answeredAt: Type.String(),
})

export type StreamAppAnswer = Static<typeof StreamAppSchema>
