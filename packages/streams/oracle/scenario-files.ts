import { existsSync, globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Outcome, Scenario } from './scenario.ts'

const folder = fileURLToPath(new URL('./', import.meta.url))

/** Scenarios of one file, and where what Java made of them is kept. */
export interface ScenarioFile {
  /** Below `oracle/`, without `.json`: `scenarios/stateless/filter`. */
  readonly name: string
  readonly scenarios: readonly Scenario[]
  readonly goldenPath: string
}

/** All scenarios written by hand, and failures of random ones that were kept. */
export function scenarioFiles(): readonly ScenarioFile[] {
  return globSync('{scenarios,regressions}/**/*.json', { cwd: folder })
    .filter((path) => !path.endsWith('.golden.json'))
    .toSorted()
    .map((path) => {
      const content = JSON.parse(readFileSync(join(folder, path), 'utf8')) as Scenario | Scenario[]
      return {
        name: path.replace(/\.json$/, ''),
        scenarios: Array.isArray(content) ? content : [content],
        goldenPath: join(folder, path.replace(/\.json$/, '.golden.json')),
      }
    })
}

/** None where the file is missing, which fails each of its scenarios. */
export function readGoldens({ goldenPath }: ScenarioFile): ReadonlyMap<string, Outcome> {
  if (!existsSync(goldenPath)) return new Map()
  const outcomes = JSON.parse(readFileSync(goldenPath, 'utf8')) as Outcome[]
  return new Map(outcomes.map((outcome) => [outcome.name, outcome]))
}

/** One written record a line, so that a difference is a line. */
export function goldenText(outcomes: readonly Outcome[]): string {
  const shown = outcomes.map(({ name, describe, dropped, error, written }) => {
    const lines = [`"name": ${JSON.stringify(name)}`]
    if (describe) lines.push(`"describe": ${listed(describe, '    ')}`)
    if (dropped !== undefined) lines.push(`"dropped": ${dropped}`)
    if (error) lines.push(`"error": ${JSON.stringify(error)}`)
    if (written) {
      const topics = Object.entries(written).map(
        ([topic, records]) => `      ${JSON.stringify(topic)}: ${listed(records, '      ')}`,
      )
      lines.push(
        topics.length === 0 ? '"written": {}' : `"written": {\n${topics.join(',\n')}\n    }`,
      )
    }
    return `  {\n    ${lines.join(',\n    ')}\n  }`
  })
  return `[\n${shown.join(',\n')}\n]\n`
}

function listed(items: readonly unknown[], indent: string): string {
  if (items.length === 0) return '[]'
  return `[\n${items.map((item) => `${indent}  ${JSON.stringify(item)}`).join(',\n')}\n${indent}]`
}
