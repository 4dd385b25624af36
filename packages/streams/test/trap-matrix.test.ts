import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { scenarioFiles } from '../oracle/scenario-files.ts'
import { traps } from '../oracle/traps.ts'

// Which scenario or test pins which trap. What is open is committed exactly, so that it can only shrink.
const root = dirname(import.meta.dirname)
const open = JSON.parse(readFileSync(join(root, 'oracle/traps-open.json'), 'utf8')) as number[]
const scenarios = scenarioFiles().flatMap((file) =>
  file.scenarios.map(({ name, traps: pinned = [] }) => ({ name: `${file.name}: ${name}`, pinned })),
)
const tests = globSync('{src,test}/**/*.test.ts', { cwd: root })
  .filter((path) => path !== 'test/trap-matrix.test.ts')
  .map((path) => ({ path, pinned: named(readFileSync(join(root, path), 'utf8')) }))

/** Numbers after the word: "trap 9", "traps 9, 10 and 12". */
function named(text: string): readonly number[] {
  return [...text.matchAll(/\btraps? (\d+(?:(?:, | and )\d+)*)/g)].flatMap(([, numbers]) =>
    (numbers?.match(/\d+/g) ?? []).map(Number),
  )
}

test('trap matrix: each trap is pinned by a scenario or a test, but for those in traps-open.json', (t) => {
  const unpinned: number[] = []
  for (const [number, title] of Object.entries(traps)) {
    const trap = Number(number)
    const inScenarios = scenarios.filter(({ pinned }) => pinned.includes(trap)).length
    const inTests = tests.filter(({ pinned }) => pinned.includes(trap)).map(({ path }) => path)
    t.diagnostic(
      `${number.padStart(2)} ${title}: ${inScenarios} scenarios${inTests.map((path) => `, ${path}`).join('')}`,
    )
    if (inScenarios + inTests.length === 0) unpinned.push(trap)
  }
  assert.deepEqual(
    unpinned,
    open,
    `Nothing pins the traps ${unpinned.join(', ') || '(none)'}; oracle/traps-open.json says ${open.join(', ') || '(none)'}. Take out what is pinned now; pin what is not.`,
  )
})

test('trap matrix: scenarios and tests name traps that there are', () => {
  const unknown = [
    ...scenarios.map(({ name, pinned }) => ({ name, pinned })),
    ...tests.map(({ path, pinned }) => ({ name: path, pinned })),
  ].flatMap(({ name, pinned }) =>
    pinned.filter((trap) => traps[trap] === undefined).map((trap) => `${name}: ${trap}`),
  )
  assert.deepEqual(unknown, [])
})

test('trap matrix: 300 scenarios and more were written by hand', () => {
  const byHand = scenarios.filter(({ name }) => name.startsWith('scenarios/'))
  assert.ok(byHand.length >= 300, `${byHand.length} scenarios`)
})
