/** The shop of S2: ours beside the same shop as a saga over HTTP; and the saga's stream app by itself. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Results, type ResultRow, type SuiteRun } from '../result.ts'
import { joinCaseOf, measureJoin } from './join-case.ts'
import type { OrdersRun, OrdersSizes } from './run.ts'
import { burstCase, latencyCaseOf, measureShop } from './shop-cases.ts'
import { systemNames, type SystemName } from './shop.ts'

const full: OrdersSizes = {
  rounds: 3,
  warmUpOrders: 1_000,
  perSecond: [20, 200],
  latencySeconds: 15,
  burstOrders: 5_000,
  joinedOrders: 150_000,
}
const quick: OrdersSizes = {
  rounds: 1,
  warmUpOrders: 50,
  perSecond: [20, 200],
  latencySeconds: 2,
  burstOrders: 200,
  joinedOrders: 2_000,
}
const joinThreads = [1, 2]

/**
 * Orders end to end, ours beside the peer (`peer/orders.ts`), the systems in turn within each round; each on a Postgres and services of its
 * own, which are started for it and end after it.
 */
export async function runOrdersSuite(asked: SuiteRun): Promise<readonly ResultRow[]> {
  const sizes = asked.isQuick ? quick : full
  const rounds = asked.rounds ?? sizes.rounds
  const results = new Results('orders')
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'))
  const isAsked = (name: string): boolean => name.includes(asked.caseWord)
  const run: OrdersRun = { asked, sizes, results, folder, isAsked }
  try {
    for (let round = 1; round <= rounds; round++) {
      if ([burstCase, ...sizes.perSecond.map(latencyCaseOf)].some(isAsked))
        await shopsInTurn(run, round)
      for (const threads of joinThreads.filter((each) => isAsked(joinCaseOf(each)))) {
        asked.say(`round ${round} of ${rounds}: ${joinCaseOf(threads)}`)
        await measureJoin(run, threads, join(folder, `join-${threads}-${round}`))
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  return results.rows()
}

async function shopsInTurn(run: OrdersRun, round: number): Promise<void> {
  const systems = systemsOf(run.asked)
  for (const name of round % 2 === 0 ? systems.toReversed() : systems) {
    run.asked.say(`round ${round}: ${name}`)
    await measureShop(run, name, join(run.folder, `${name}-${round}`))
  }
}

/** On Apache Kafka only where it is named: it needs Java. */
function systemsOf({ systemWord }: SuiteRun): readonly SystemName[] {
  const named = systemNames.filter((name) => name.includes(systemWord))
  return systemWord.includes('apache')
    ? named
    : named.filter((name) => name !== 'millrace-on-apache-kafka')
}
