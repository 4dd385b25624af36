import { agreementOf, firstDifference, isAtLeast } from './agreement.ts'
import type { Agreement, Application } from './applications.ts'
import type { Run, RunResult, RunResults } from './cluster-run.ts'

/** One topic of an application in two runs. */
export interface TopicComparison {
  readonly application: string
  readonly topic: string
  /** Records of the first run. */
  readonly records: number
  readonly claim: Agreement
  /** Of the two runs that are alike. */
  readonly reference: Agreement
  /** Of the first run and the one that is held against it. */
  readonly agreement: Agreement
  /** Where it agrees less than it must: what differs. */
  readonly fault?: string
}

/**
 * Holds a run against a reference, topic by topic, changelogs included. What must agree is what is claimed of the topic, as far as two
 * runs of the reference agree themselves.
 */
export function compareRuns(
  results: RunResults,
  [first, again]: readonly [Run, Run],
  other: Run,
): readonly TopicComparison[] {
  return [...results].flatMap(([application, runs]) => {
    const [one, two, mine] = [first, again, other].map((run) => runs.get(run)) as [
      RunResult,
      RunResult,
      RunResult,
    ]
    const topics = new Set([...one.records.keys(), ...mine.records.keys()])
    return [...topics].toSorted().map((topic) => {
      const [left, right, ours] = [one, two, mine].map(({ records }) => records.get(topic) ?? [])
      const reference = agreementOf(left ?? [], right ?? [])
      const agreement = agreementOf(left ?? [], ours ?? [])
      const claim = claimOf(application, topic)
      const must = isAtLeast(reference, claim) ? claim : reference
      return {
        application: application.name,
        topic,
        records: left?.length ?? 0,
        claim,
        reference,
        agreement,
        ...(!isAtLeast(agreement, must) && { fault: firstDifference(left ?? [], ours ?? []) }),
      }
    })
  })
}

/** Settings of internal topics that differ, as sentences. */
export function differingSettings(results: RunResults, first: Run, other: Run): readonly string[] {
  return [...results].flatMap(([{ name }, runs]) => {
    const [one, mine] = [first, other].map((run) => runs.get(run)?.settings ?? new Map())
    const topics = new Set([...(one?.keys() ?? []), ...(mine?.keys() ?? [])])
    return [...topics]
      .filter((topic) => one?.get(topic) !== mine?.get(topic))
      .map((topic) => `${name} ${topic}: ${one?.get(topic)}; ${mine?.get(topic)}`)
  })
}

/** A line for the log. */
export function lineOf({ application, topic, records, ...rest }: TopicComparison): string {
  const { claim, reference, agreement } = rest
  return `${application} ${topic}: ${records} records; claimed ${claim}, Java with itself ${reference}, with this run ${agreement}`
}

function claimOf({ outputs, changelogClaim }: Application, topic: string): Agreement {
  if (topic.endsWith('-changelog')) return changelogClaim
  return outputs.find(({ name }) => topic === `out-${name}`)?.claim ?? 'nothing'
}
