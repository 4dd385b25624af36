/** What all cases of the suite share: the broker, the topics that are filled, and the figures. */
import { join } from 'node:path'
import type { Admin } from '@millrace/kafka'
import type { BenchBroker } from '../kafka/brokers.ts'
import type { Results, SuiteRun } from '../result.ts'
import { fillTopic, type Filling } from './fill.ts'
import { goalSettings, type JobSettings, type StreamsJob, type TopologyName } from './job.ts'
import type { System } from './running-app.ts'

export const partitions = 6

export interface Sizes extends Filling {
  readonly rounds: number
  /** Of the broker, in each of two ways. */
  readonly warmUpSeconds: number
  /** Keys of the state that is restored. */
  readonly restoredKeys: number
  /** How long latency is looked at, after a warm-up of a quarter of it, ms. */
  readonly latencyMs: number
}

export interface Place {
  readonly asked: SuiteRun
  readonly admin: Admin
  readonly broker: BenchBroker
  readonly folder: string
  readonly systems: readonly System[]
  readonly sizes: Sizes
  readonly results: Results
}

/** A topic that was filled. */
export interface Topic {
  readonly name: string
  readonly records: number
}

/** The input of a topology, filled; the join's are two, of half as many records each. */
export async function filledInput(
  { admin, broker, asked, sizes }: Place,
  topology: TopologyName,
): Promise<readonly Topic[]> {
  const isJoin = topology === 'join'
  const input = topology.replaceAll(' ', '-')
  const names = isJoin ? [input, `${input}-right`] : [input]
  const records = isJoin ? sizes.records / 2 : sizes.records
  await admin.ensureTopics(names.map((name) => ({ name, partitions })))
  for (const name of names) {
    asked.say(`${topology}: filling ${name}`)
    await fillTopic(broker.address, name, { ...sizes, records })
  }
  return names.map((name) => ({ name, records }))
}

/** A job with topics and state of its own; its output is made. */
export async function newJob(
  { admin, broker, folder }: Place,
  topology: TopologyName,
  input: string,
  applicationId: string,
  settings: Partial<JobSettings> = {},
): Promise<StreamsJob> {
  const output = `${applicationId}-output`
  await admin.ensureTopics([{ name: output, partitions }])
  const stateDir = join(folder, `state-${applicationId}`)
  const { address: brokers } = broker
  return { ...goalSettings, ...settings, topology, applicationId, brokers, input, output, stateDir }
}

/** Deletes the topics that a job made and wrote. */
export async function cleanUp({ admin }: Place, { applicationId }: StreamsJob): Promise<void> {
  const made = (await admin.listTopics()).filter((topic) => topic.startsWith(applicationId))
  await admin.deleteTopics(made)
}

/** Records that the application's group has not committed. */
export async function lagOf(
  { admin }: Place,
  applicationId: string,
  topics: readonly string[],
): Promise<number> {
  const lags = await admin.groupLag(applicationId, topics)
  return lags.reduce((sum, { lagRecords }) => sum + lagRecords, 0)
}

/** Runs each system in turn, in another order each round. A peer that fails is noted; ours ends the suite. */
export async function inTurns(
  { asked, systems, sizes }: Place,
  what: string,
  run: (system: System, round: number) => Promise<void>,
): Promise<void> {
  for (let round = 1; round <= (asked.rounds ?? sizes.rounds); round++)
    for (const system of round % 2 === 0 ? systems.toReversed() : systems) {
      asked.say(`round ${round}, ${what}: ${system.name}`)
      try {
        await run(system, round)
      } catch (error) {
        if (system.name === 'millrace') throw error
        asked.note(`failed: ${what}: ${system.name}: ${String(error).slice(0, 400)}`)
      }
    }
}
