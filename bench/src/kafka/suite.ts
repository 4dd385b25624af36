import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Results, type ResultRow, type SuiteRun } from '../result.ts'
import { inOrder, type BenchCase, type BenchRun, type Sizes } from './bench-run.ts'
import {
  BrokerLoadCase,
  CompactionCase,
  InProcessCase,
  ManyPartitionsCase,
  RecoveryCase,
} from './broker-cases.ts'
import { startApache, type BenchBroker } from './brokers.ts'
import { CheckCase, ConsumeCase, LatencyCase, ProduceCase, recordSizes } from './client-cases.ts'
import { findPeers } from './peers.ts'

const fullSizes: Sizes = {
  rounds: 5,
  recordSizes: recordSizes.length,
  produceRecords: 2_000_000,
  consumeRecords: 4_000_000,
  slowShare: 0.15,
  latencySamples: 2_500,
  brokerRecords: 1_000_000,
  recoveryMegabytes: 1_000,
  transactions: 1_000,
}
const quickSizes: Sizes = {
  rounds: 1,
  recordSizes: 1,
  produceRecords: 100_000,
  consumeRecords: 100_000,
  slowShare: 0.2,
  latencySamples: 200,
  brokerRecords: 50_000,
  recoveryMegabytes: 100,
  transactions: 100,
}

interface CasePlan {
  /** Of its rows; what `--case` is compared with. */
  readonly names: readonly string[]
  readonly prepare: (run: BenchRun) => Promise<BenchCase>
}

/** Measured on one Apache Kafka that runs through all rounds. */
function clientPlans(broker: () => BenchBroker): readonly CasePlan[] {
  return [
    ...recordSizes.map((size) => ({
      names: [`produce ${size.label}`],
      prepare: async (run: BenchRun) => new ProduceCase(run, broker(), size),
    })),
    ...recordSizes.map((size) => ({
      names: [`consume ${size.label}`],
      prepare: (run: BenchRun) => ConsumeCase.prepare(run, broker(), size),
    })),
    {
      names: ['consume checks'],
      prepare: async (run: BenchRun) => new CheckCase(run, broker()),
    },
    {
      names: LatencyCase.names,
      prepare: async (run: BenchRun) => new LatencyCase(run, broker()),
    },
  ]
}

const brokerPlans: readonly CasePlan[] = [
  { names: BrokerLoadCase.names, prepare: async (run) => new BrokerLoadCase(run) },
  { names: InProcessCase.names, prepare: async (run) => new InProcessCase(run) },
  { names: ManyPartitionsCase.names, prepare: async (run) => new ManyPartitionsCase(run) },
  { names: CompactionCase.names, prepare: async (run) => new CompactionCase(run) },
  { names: RecoveryCase.names, prepare: (run) => RecoveryCase.prepare(run) },
]

/**
 * Our client against other clients on one Apache Kafka, and our broker against other brokers under Java's load tools. The systems take
 * turns within each round, in another order each round; every client and broker is a process of its own, accounted for by /proc.
 */
export async function runKafkaSuite(asked: SuiteRun): Promise<readonly ResultRow[]> {
  const sizes = asked.isQuick ? quickSizes : fullSizes
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'))
  const noted = new Set<string>()
  const run: BenchRun = {
    sizes: { ...sizes, rounds: asked.rounds ?? sizes.rounds },
    peers: await findPeers(),
    folder,
    results: new Results('kafka'),
    say: asked.say,
    note: (text) => {
      if (!noted.has(text)) asked.note(text)
      noted.add(text)
    },
  }
  const left = recordSizes.slice(run.sizes.recordSizes).map(({ label }) => label)
  const isWanted = (plan: CasePlan): boolean =>
    plan.names.some((name) => name.includes(asked.caseWord)) &&
    !plan.names.every((name) => left.some((label) => name.includes(label)))
  try {
    await measureClients(run, isWanted)
    await measure(run, brokerPlans.filter(isWanted))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  const plans = [...clientPlans(() => raise('no broker is needed for names')), ...brokerPlans]
  return inOrder(
    run.results.rows(),
    plans.flatMap((plan) => plan.names),
  )
}

/** One Apache Kafka for all client cases; it is stopped before the brokers are measured. */
async function measureClients(run: BenchRun, isWanted: (plan: CasePlan) => boolean): Promise<void> {
  let broker: BenchBroker | undefined
  const plans = clientPlans(() => broker ?? raise('the broker is started first')).filter(isWanted)
  if (plans.length === 0) return
  const java = run.peers.clients.get('java')
  if (java === undefined || 'absent' in java) {
    run.note(`absent: apache-kafka, and with it all client cases: ${java?.absent ?? 'no java'}`)
    return
  }
  run.say('starting Apache Kafka')
  await using apache = await startApache()
  broker = apache
  await measure(run, plans)
}

async function measure(run: BenchRun, plans: readonly CasePlan[]): Promise<void> {
  if (plans.length === 0) return
  await using cases = new AsyncDisposableStack()
  const prepared: BenchCase[] = []
  for (const plan of plans) prepared.push(cases.use(await plan.prepare(run)))
  for (let round = 1; round <= run.sizes.rounds; round++) {
    run.say(`round ${round} of ${run.sizes.rounds}`)
    for (const each of prepared) await each.round(round)
  }
}

function raise(what: string): never {
  throw new Error(what)
}
