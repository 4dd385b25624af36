import { WireReader } from '../../lib/wire.ts'
import type {
  InstanceProblem,
  OwnedTask,
  PauseAct,
  Restore,
  StoreCopy,
  StoreFacts,
  StreamApp,
  StreamInstance,
  StreamRates,
  StreamTask,
  TopicRate,
  TopicTotals,
  TopologyNode,
} from './model.ts'

export function toStreamApp(body: unknown): StreamApp {
  const wire = new WireReader(body, 'stream app')
  const topology = child(wire, 'topology')
  const totals = child(wire, 'totals')
  const saga = child(wire, 'saga')
  const pausing = child(wire, 'pausing')
  return {
    applicationId: wire.text('applicationId'),
    state: wire.text('state'),
    isWhole: wire.flag('isWhole'),
    isPaused: pausing.flag('isPaused'),
    pauseActs: pausing.list('acts', readPauseAct),
    topologyText: topology.text('text'),
    nodes: topology.list('nodes', readNode),
    threads: wire.list('threads', (thread) => ({
      name: thread.text('name'),
      state: thread.text('state'),
    })),
    tasks: wire.list('threads', readTasks).flat().toSorted(byTaskId),
    instances: wire.list('instances', readInstance),
    lagRecords: wire.numberOrNull('lagRecords'),
    stores: wire.list('stores', readStore),
    restores: wire.list('restores', readRestore).filter(({ remaining }) => remaining > 0),
    copies: wire.list('copies', readCopy),
    topics: wire.list('topics', readTopic),
    totals: {
      processedRecords: totals.number('processedRecords'),
      commits: totals.number('commits'),
      commitSeconds: totals.number('commitSeconds'),
      droppedRecords: totals.number('droppedRecords'),
    },
    saga: {
      openOrders: saga.number('openOrders'),
      lateAnswers: saga.number('lateAnswers'),
      unmatchedAnswers: saga.number('unmatchedAnswers'),
      deadLetters: saga.number('deadLetters'),
      retries: saga.number('retries'),
      joinWindowMs: saga.number('joinWindowMs'),
      timeoutMs: saga.number('timeoutMs'),
      commitIntervalMs: saga.number('commitIntervalMs'),
    },
    answeredAtMs: wire.time('answeredAt'),
  }
}

/** Instances that an act did not reach. */
export function toInstanceProblems(body: unknown): readonly InstanceProblem[] {
  const wire = new WireReader(body, 'pause')
  return wire
    .list('instances', (each) => ({
      name: each.textOrNull('applicationServer') ?? each.text('processId'),
      problem: each.textOrNull('problem'),
    }))
    .flatMap(({ name, problem }) => (problem === null ? [] : [{ name, problem }]))
}

const noRates: StreamRates = {
  recordsPerSecond: null,
  commitMs: null,
  topics: new Map(),
  nodes: new Map(),
  restores: new Map(),
}

/** Sums that went down, or that are of other instances, say nothing of the time between. */
export function ratesBetween(before: StreamApp | undefined, now: StreamApp): StreamRates {
  const seconds = before === undefined ? 0 : (now.answeredAtMs - before.answeredAtMs) / 1_000
  if (before === undefined || seconds <= 0) return noRates
  if (answeredBy(before) !== answeredBy(now)) return noRates
  const records = now.totals.processedRecords - before.totals.processedRecords
  const commits = now.totals.commits - before.totals.commits
  const commitSeconds = now.totals.commitSeconds - before.totals.commitSeconds
  if (records < 0 || commits < 0 || commitSeconds < 0) return noRates
  return {
    recordsPerSecond: records / seconds,
    commitMs: commits === 0 ? null : (commitSeconds / commits) * 1_000,
    topics: new Map(
      now.topics.flatMap((each) => {
        const past = before.topics.find(({ topic }) => topic === each.topic)
        if (past === undefined || each.consumed < past.consumed || each.sent < past.sent) return []
        const rate: TopicRate = {
          consumed: (each.consumed - past.consumed) / seconds,
          sent: (each.sent - past.sent) / seconds,
        }
        return [[each.topic, rate] as const]
      }),
    ),
    nodes: new Map(
      now.nodes.flatMap(({ name, processed }) => {
        const past = before.nodes.find((each) => each.name === name)?.processed ?? null
        if (processed === null || past === null || processed < past) return []
        return [[name, (processed - past) / seconds] as const]
      }),
    ),
    restores: new Map(
      now.restores.flatMap((each) => {
        const key = restoreKey(each)
        const past = before.restores.find((other) => restoreKey(other) === key)
        if (past === undefined || each.restored < past.restored) return []
        return [[key, (each.restored - past.restored) / seconds] as const]
      }),
    ),
  }
}

/** Whose figures these are. */
function answeredBy({ instances }: StreamApp): string {
  return instances
    .filter(({ problem }) => problem === null)
    .map(({ processId }) => processId)
    .join(' ')
}

/** Who is paused: all, none, or some of the instances that answered. */
export function pausedOf({ instances, isPaused }: StreamApp): 'all' | 'some' | 'none' {
  if (isPaused) return 'all'
  return instances.some((each) => each.isPaused === true) ? 'some' : 'none'
}

export function restoreKey({ processId, store, partition, role }: Restore): string {
  return `${processId} ${store} ${partition} ${role}`
}

/** When a restoration will be done at its present pace, ms; null where that cannot be told. */
export function restoreLeftMs(restore: Restore, perSecond: number | undefined): number | null {
  return perSecond === undefined || perSecond <= 0 ? null : (restore.remaining / perSecond) * 1_000
}

/** All tasks that somebody has, in the order of their numbers. */
export function ownedTasks({ instances, tasks }: StreamApp): readonly OwnedTask[] {
  const here = new Map(tasks.map((task) => [task.taskId, task]))
  const ids = new Set([
    ...here.keys(),
    ...instances.flatMap(({ activeTasks, standbyTasks }) => [...activeTasks, ...standbyTasks]),
  ])
  return [...ids].toSorted(byNumber).map((taskId) => ({
    taskId,
    owner: instances.find(({ activeTasks }) => activeTasks.includes(taskId)) ?? null,
    copies: instances.filter(({ standbyTasks }) => standbyTasks.includes(taskId)),
    here: here.get(taskId) ?? null,
  }))
}

/** Lag of each topic over these tasks; null where that of one is not known. */
export function lagByTopic(tasks: readonly StreamTask[]): ReadonlyMap<string, number | null> {
  const lags = new Map<string, number | null>()
  for (const { partitions } of tasks)
    for (const { topic, lagRecords } of partitions) {
      const sum = lags.get(topic)
      lags.set(topic, sum === null || lagRecords === null ? null : (sum ?? 0) + lagRecords)
    }
  return lags
}

function child(wire: WireReader, key: string): WireReader {
  const found = wire.objectOrNull(key)
  if (found === null) throw new TypeError(`stream app.${key} should be an object, got nothing`)
  return found
}

function readNode(wire: WireReader): TopologyNode {
  const kind = wire.text('kind')
  return {
    name: wire.text('name'),
    kind: kind === 'source' || kind === 'sink' ? kind : 'processor',
    parents: wire.texts('parents'),
    topics: wire.texts('topics'),
    stores: wire.texts('stores'),
    processed: wire.numberOrNull('processedRecords'),
  }
}

function readTasks(thread: WireReader): readonly StreamTask[] {
  const name = thread.text('name')
  const processId = thread.text('processId')
  return thread.list('tasks', (task) => ({
    taskId: task.text('taskId'),
    state: task.text('state'),
    thread: name,
    processId,
    partitions: task.list('partitions', (each) => ({
      topic: each.text('topic'),
      partition: each.number('partition'),
      lagRecords: each.numberOrNull('lagRecords'),
    })),
  }))
}

function byTaskId(a: StreamTask, b: StreamTask): number {
  return byNumber(a.taskId, b.taskId)
}

function byNumber(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true })
}

function readInstance(wire: WireReader): StreamInstance {
  return {
    processId: wire.text('processId'),
    server: wire.textOrNull('applicationServer'),
    activeTasks: wire.texts('activeTasks'),
    standbyTasks: wire.texts('standbyTasks'),
    isThis: wire.flag('isThis'),
    isPaused: wire.textOrNull('problem') === null ? wire.flag('isPaused') : null,
    problem: wire.textOrNull('problem'),
  }
}

function readStore(wire: WireReader): StoreFacts {
  return {
    name: wire.text('name'),
    kind: wire.text('kind'),
    keyForm: wire.textOrNull('keyForm'),
    entries: wire.numberOrNull('approximateEntryCount'),
  }
}

function readRestore(wire: WireReader): Restore {
  return {
    processId: wire.text('processId'),
    taskId: wire.text('taskId'),
    store: wire.text('store'),
    partition: wire.number('partition'),
    role: wire.text('role'),
    restored: wire.number('restoredCount'),
    remaining: wire.number('remainingRecords'),
  }
}

function readCopy(wire: WireReader): StoreCopy {
  return {
    processId: wire.text('processId'),
    store: wire.text('store'),
    partition: wire.number('partition'),
    lagRecords: wire.number('lagRecords'),
  }
}

function readTopic(wire: WireReader): TopicTotals {
  return {
    topic: wire.text('topic'),
    consumed: wire.number('consumedRecords'),
    sent: wire.number('sentRecords'),
  }
}

function readPauseAct(wire: WireReader): PauseAct {
  return {
    act: wire.text('act') === 'resume' ? 'resume' : 'pause',
    by: wire.text('by'),
    reason: wire.text('reason'),
    atMs: wire.time('at'),
  }
}
