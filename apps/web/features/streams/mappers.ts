import { WireReader } from '../../lib/wire.ts'
import type {
  Restore,
  StoreFacts,
  StreamApp,
  StreamInstance,
  StreamRates,
  StreamTask,
  TopologyNode,
} from './model.ts'

export function toStreamApp(body: unknown): StreamApp {
  const wire = new WireReader(body, 'stream app')
  const topology = child(wire, 'topology')
  const totals = child(wire, 'totals')
  const saga = child(wire, 'saga')
  return {
    applicationId: wire.text('applicationId'),
    state: wire.text('state'),
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

/** Sums that went down belong to another process: then nothing is known. */
export function ratesBetween(before: StreamApp | undefined, now: StreamApp): StreamRates {
  const seconds = before === undefined ? 0 : (now.answeredAtMs - before.answeredAtMs) / 1_000
  if (before === undefined || seconds <= 0) return { recordsPerSecond: null, commitMs: null }
  const records = now.totals.processedRecords - before.totals.processedRecords
  const commits = now.totals.commits - before.totals.commits
  const commitSeconds = now.totals.commitSeconds - before.totals.commitSeconds
  if (records < 0 || commits < 0 || commitSeconds < 0)
    return { recordsPerSecond: null, commitMs: null }
  return {
    recordsPerSecond: records / seconds,
    commitMs: commits === 0 ? null : (commitSeconds / commits) * 1_000,
  }
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
  }
}

function readTasks(thread: WireReader): readonly StreamTask[] {
  const name = thread.text('name')
  return thread.list('tasks', (task) => ({
    taskId: task.text('taskId'),
    state: task.text('state'),
    thread: name,
    partitions: task.list('partitions', (each) => ({
      topic: each.text('topic'),
      partition: each.number('partition'),
      lagRecords: each.numberOrNull('lagRecords'),
    })),
  }))
}

function byTaskId(a: StreamTask, b: StreamTask): number {
  return a.taskId.localeCompare(b.taskId, 'en', { numeric: true })
}

function readInstance(wire: WireReader): StreamInstance {
  return {
    processId: wire.text('processId'),
    server: wire.textOrNull('applicationServer'),
    activeTasks: wire.texts('activeTasks'),
    standbyTasks: wire.texts('standbyTasks'),
    isThis: wire.flag('isThis'),
  }
}

function readStore(wire: WireReader): StoreFacts {
  return {
    name: wire.text('name'),
    kind: wire.text('kind'),
    entries: wire.numberOrNull('approximateEntryCount'),
  }
}

function readRestore(wire: WireReader): Restore {
  return {
    store: wire.text('store'),
    partition: wire.number('partition'),
    role: wire.text('role'),
    restored: wire.number('restoredCount'),
    remaining: wire.number('remainingRecords'),
  }
}
