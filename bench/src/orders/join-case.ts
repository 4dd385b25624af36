/** The saga alone: answers that wait on the topics are joined and orders decided, by so many stream threads; and what the state of that is in size. */
import { mkdir, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import {
  ordersTopic,
  paymentOrdersTopic,
  recovererDlqTopic,
  stockOrdersTopic,
} from '@millrace/contracts'
import { systemClock } from '@millrace/core'
import { createAdmin, createConsumer, type Admin } from '@millrace/kafka'
import { startOurs } from '../kafka/brokers.ts'
import type { Metric } from '../result.ts'
import { fillAnswers } from './fill-answers.ts'
import type { OrdersRun } from './run.ts'
import { ServiceProcess } from './service-process.ts'

export const joinCaseOf = (threads: number): string =>
  `join, ${threads} ${threads === 1 ? 'thread' : 'threads'}`

const system = 'millrace'
const groupId = 'order-saga'
const answerTopics = [paymentOrdersTopic.name, stockOrdersTopic.name]
const commitIntervalMs = 100
const patienceMs = 300_000
/** The unit in which sizes of the state are told. */
const perOrders = 100_000

/** @param folder of this run alone */
export async function measureJoin(run: OrdersRun, threads: number, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  await using broker = await startOurs(folder)
  await using admin = await createAdmin({ brokers: [broker.address], clientId: 'bench' })
  await admin.ensureTopics([ordersTopic, paymentOrdersTopic, stockOrdersTopic, recovererDlqTopic])
  const stateDir = join(folder, 'state')
  const start = (): Promise<ServiceProcess> =>
    ServiceProcess.start({
      name: 'order-saga',
      file: new URL('../../../services/order-saga/src/main.ts', import.meta.url),
      folder,
      env: {
        KAFKA_BROKERS: broker.address,
        STREAM_STATE_DIR: stateDir,
        STREAM_THREADS: String(threads),
        STREAM_COMMIT_INTERVAL: `${commitIntervalMs}ms`,
        // Orders of a backlog that is older than its time are decided by the time, and not by the join.
        SAGA_TIMEOUT: '1h',
      },
    })
  // The first start compiles, and those that are compared do not.
  await memoryAtRest(start)
  const emptyMb = await memoryAtRest(start)
  const { joinedOrders } = run.sizes
  run.asked.say(`${joinCaseOf(threads)}: filling`)
  await fillAnswers([broker.address], joinedOrders)
  await drain(run, admin, threads, start)
  await checkVerdicts(broker.address, admin, joinedOrders)
  const fullMb = await memoryAtRest(start)
  const name = joinCaseOf(threads)
  const sizeMb = (await sizeOf(stateDir)) * (perOrders / joinedOrders)
  run.results.add(`${name}, state`, system, 'disk', 'MB/100k orders', sizeMb)
  run.results.add(`${name}, at rest with that state`, system, 'rss', 'MB', fullMb)
  run.results.add(`${name}, at rest without`, system, 'rss', 'MB', emptyMb)
  await rm(folder, { recursive: true, force: true })
}

/** Of a process that has started and has nothing to do: without the garbage of the work that made the state. */
async function memoryAtRest(start: () => Promise<ServiceProcess>): Promise<number> {
  await using saga = await start()
  return saga.usage()?.rssMb ?? Number.NaN
}

/** *throughput* from the start of the process on, *steady* from when it says that it is ready. */
async function drain(
  run: OrdersRun,
  admin: Admin,
  threads: number,
  start: () => Promise<ServiceProcess>,
): Promise<void> {
  const answers = 2 * run.sizes.joinedOrders
  const startedAtMs = performance.now()
  await using saga = await start()
  const lag = async (): Promise<number> => {
    const lags = await admin.groupLag(groupId, answerTopics)
    return lags.reduce((sum, { lagRecords }) => sum + lagRecords, 0)
  }
  const left = await lag()
  const readyAtMs = performance.now()
  await untilNone(lag)
  const endMs = performance.now()
  const usage = saga.usage()
  const name = joinCaseOf(threads)
  const add = (what: string, metric: Metric, unit: string, value: number): void =>
    run.results.add(`${name}${what}`, system, metric, unit, value)
  add('', 'throughput', 'answers/s', (answers / (endMs - startedAtMs)) * 1_000)
  // A few are taken before anybody can look.
  if (left > 0) {
    const steady = (left / (endMs - readyAtMs)) * 1_000
    add('', 'steady', 'answers/s', steady)
    add(', each', 'steady', 'answers/s', steady / threads)
  }
  if (!usage) return
  add('', 'cpu', 'µs/answer', (usage.cpuSeconds / answers) * 1e6)
  add('', 'rss', 'MB', usage.maxRssMb)
}

async function untilNone(lag: () => Promise<number>): Promise<void> {
  const deadlineMs = performance.now() + patienceMs
  for (let left = await lag(); left > 0; left = await lag()) {
    if (performance.now() > deadlineMs)
      throw new Error(`the saga still has ${left} answers to take after ${patienceMs} ms`)
    await systemClock.sleep(20)
  }
}

/** What was measured must have been the whole work: one verdict for each order, and nothing on the dead letter topic. */
async function checkVerdicts(broker: string, admin: Admin, orders: number): Promise<void> {
  const onOrders = await countCommitted(broker, admin, ordersTopic.name)
  const dead = await countCommitted(broker, admin, recovererDlqTopic.name)
  if (onOrders !== 2 * orders || dead > 0)
    throw new Error(
      `${orders} orders were placed; on "orders" are ${onOrders} records in place of ${2 * orders}, and ${dead} are dead letters`,
    )
}

async function countCommitted(broker: string, admin: Admin, topic: string): Promise<number> {
  const ends = (await admin.endOffsets(topic)).filter(({ offset }) => offset > 0n)
  if (ends.length === 0) return 0
  await using consumer = await createConsumer({ brokers: [broker], clientId: 'bench-count' })
  consumer.assign(ends.map((end) => ({ ...end, offset: 'earliest' as const })))
  // By position: markers of transactions stand last, and make no batch.
  const isRead = (): boolean => ends.every((end) => (consumer.position(end) ?? -1n) >= end.offset)
  const timer = setInterval(() => isRead() && void consumer.close(), 20)
  let count = 0
  try {
    for await (const batch of consumer) count += batch.length
  } finally {
    clearInterval(timer)
  }
  return count
}

/** MB of all files below. */
async function sizeOf(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile())
  const sizes = await Promise.all(
    files.map(async ({ parentPath, name }) => (await stat(join(parentPath, name))).size),
  )
  return sizes.reduce((sum, size) => sum + size, 0) / 1024 ** 2
}
